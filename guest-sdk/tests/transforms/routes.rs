//! Where records go, through two transforms and an encoder, as the host has it; settings, state and snapshots on the way.

use rowmill_sdk::harness::{Bench, Mill, Rows, Shape, golden, lines};
use rowmill_sdk::{
    Batch, Description, Encoder, Error, Key, Outcome, Output, Record, Route, Schema, State, Transform, TransformRunner, config_schema,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Given, sample};

/// Sends rows to a topic by their customer and counts them.
struct Router {
    settings: Settings,
    seen: u64,
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Start of the topics' names.
    prefix: String,
}

impl Transform for Router {
    type Settings = Settings;
    type Table = usize;

    fn describe() -> Description {
        Description {
            name: "router",
            version: "1.0.0",
            config: config_schema::<Settings>(),
            ..Description::default()
        }
    }

    fn new(settings: Settings) -> Result<Self, Error> {
        Ok(Self { settings, seen: 0 })
    }

    fn open(&mut self, schema: &Schema) -> Result<usize, Error> {
        schema.column("customer")
    }

    fn process(&mut self, customer: &mut usize, batch: &Batch<'_>) -> Result<Outcome, Error> {
        self.seen += u64::try_from(batch.rows()).unwrap_or(0);
        let mut edit = batch.edit();
        edit.route_topic(|row, out| match row.image()?.int(*customer)? {
            Some(customer) if customer > 1 => out.text(&format!("{}{customer}", self.settings.prefix)),
            _ => Ok(()),
        })?;
        edit.route_headers(|row, headers| {
            headers.add(&format!("{}row", self.settings.prefix), row.number().to_string().as_bytes());
            Ok(())
        })?;
        edit.finish()
    }
}

impl State for Router {
    const VERSION: u32 = 3;

    fn save(&mut self) -> Result<Vec<u8>, Error> {
        Ok(self.seen.to_le_bytes().to_vec())
    }

    fn restore(&mut self, version: u32, bytes: &[u8]) -> Result<(), Error> {
        assert_eq!(version, 3);
        self.seen = u64::from_le_bytes(bytes.try_into().unwrap());
        Ok(())
    }
}

rowmill_sdk::export!(Router: transform with state);

/// A record of each row's number.
struct Numbers;

impl Encoder for Numbers {
    type Settings = serde_json::Value;
    type Table = ();

    fn describe() -> Description {
        Description::default()
    }

    fn new(_: serde_json::Value) -> Result<Self, Error> {
        Ok(Self)
    }

    fn open(&mut self, _: &Schema) -> Result<(), Error> {
        Ok(())
    }

    fn encode(&mut self, (): &mut (), batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
        for row in 0..batch.rows() {
            let number = u64::try_from(row).unwrap_or(0);
            output.record(Record { row, ..Record::default() }, 20, |cursor| {
                (cursor.unsigned(number), Key::None)
            });
        }
        Ok(())
    }
}

fn orders() -> Rows {
    let shape = Shape::new("shop", "orders")
        .column("id", "int", &[])
        .column("customer", "int", &[])
        .key(&[0]);
    (0..4).fold(Rows::new(&shape), |rows, i| rows.insert(vec![i.into(), i.into()]))
}

#[test]
fn routes_of_two_transforms_are_joined_and_reach_the_records() {
    let mut first = Mill::<Router>::new(r#"{"prefix":"a_"}"#).unwrap();
    let mut second = Mill::<Router>::new(r#"{"prefix":"b_"}"#).unwrap();
    let once = first.process(&orders()).unwrap().unwrap();
    let twice = second.process(&once).unwrap().unwrap();
    let records = Bench::<Numbers>::new("{}").unwrap().encode(&twice).unwrap();
    let shown: Vec<_> = records.iter().map(rowmill_sdk::harness::Delivered::show).collect();
    golden("tests/transforms/routes.jsonl", &(lines(&once.rows().unwrap()) + &lines(&shown)));
    Given::of(&twice).arrow();
}

#[test]
fn every_kind_of_route_is_kept_replaced_or_taken_back_row_by_row() {
    let route = |topic: Option<&str>, partition, key: Option<&str>| Route {
        topic: topic.map(str::to_owned),
        partition,
        key: key.map(|key| key.as_bytes().to_vec()),
        headers: Vec::new(),
    };
    let first = sample()
        .edit(|batch| {
            let mut edit = batch.edit();
            edit.route_topic(|_, out| out.text("one"))?
                .route_partition(|row, out| out.int(i64::try_from(row.number()).unwrap()))?
                .route_key(|_, out| out.bytes(b"k\xff"))?;
            edit.finish()
        })
        .unwrap();
    let second = first
        .edit(|batch| {
            let mut edit = batch.edit();
            edit.retain(|row| Ok(row.number() < 3))?;
            edit.route_topic(|row, out| match row.number() {
                0 => out.null(),
                1 => out.text("two"),
                _ => Ok(()),
            })?
            .route_key(|row, out| if row.number() == 2 { out.bytes(b"mine") } else { out.null() })?;
            edit.finish()
        })
        .unwrap();
    second.arrow();
    let batch = second.batch();
    let routes = batch.routes().unwrap().unwrap();
    assert_eq!(routes.row(0), route(None, Some(0), None));
    assert_eq!(routes.row(1), route(Some("two"), Some(1), None));
    assert_eq!(routes.row(2), route(Some("one"), Some(2), Some("mine")));
    assert_eq!(first.batch().routes().unwrap().unwrap().row(6).partition, Some(6));
    assert!(sample().batch().routes().unwrap().is_none());
    let names: Vec<_> = second.arrow().schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names[names.len() - 3..], ["route_topic", "route_partition", "route_key"]);
}

#[test]
fn settings_describe_themselves_and_refuse_what_they_do_not_know() {
    let description: serde_json::Value = serde_json::from_str(&TransformRunner::<Router>::describe()).unwrap();
    assert_eq!(description["config"]["properties"]["prefix"]["type"], "string");
    assert_eq!(
        description["config"]["properties"]["prefix"]["description"],
        "Start of the topics' names."
    );
    assert_eq!(description["config"]["additionalProperties"], json!(false));
    let error = Mill::<Router>::new(r#"{"prefx":"a"}"#).err().unwrap();
    assert!(
        error.code == "bad-configuration" && error.message.contains("prefx") && error.message.contains("prefix"),
        "{error}"
    );
}

#[test]
fn a_state_that_was_saved_is_taken_over_by_the_next_instance() {
    let mut first = Mill::<Router>::new("{}").unwrap();
    first.process(&orders()).unwrap();
    let saved = first.runner().save().unwrap();
    let mut second = Mill::<Router>::new("{}").unwrap();
    second.runner().restore(Router::VERSION, &saved).unwrap();
    second.process(&orders()).unwrap();
    assert_eq!(second.runner().save().unwrap(), 8_u64.to_le_bytes());
    assert_eq!(TransformRunner::<Router>::default().save().unwrap_err().code, "not-configured");
}
