//! Other values, other columns, another key.

use std::borrow::Cow;

use super::{Edit, Slot};
use crate::cells::Cells;
use crate::tree::Node;
use crate::{Error, Field};
use crate::{Locate, RowImage};

impl<'a> Edit<'a> {
    /// Gives a column other values of its own type, in both images. `fill` is asked for every row image that has the column, also where it
    /// is NULL; a column that is absent stays so. What `fill` does not write is NULL; `out.keep()` leaves the value.
    ///
    /// ```
    /// use rowmill_sdk::harness::{Opened, Rows};
    /// let milled = Opened::new(&Rows::sample())?.process(|batch| {
    ///     let mut edit = batch.edit();
    ///     edit.set("name", |image, out| match image.text("name")? {
    ///         Some(name) => out.text(&name.to_uppercase()),
    ///         None => out.text("nobody"),
    ///     })?;
    ///     edit.finish()
    /// })?.expect("no row is dropped");
    /// let rows = milled.rows()?;
    /// assert_eq!((&rows[1]["after"]["name"], &rows[3]["after"]["name"]), (&"CHANGED".into(), &"nobody".into()));
    /// assert_eq!(rows[5]["before"].get("name"), None); // absent, so nothing was asked
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    ///
    /// # Errors
    /// `no-such-column`, and what `fill` returns, of its row.
    pub fn set(
        &mut self,
        column: impl Locate,
        mut fill: impl FnMut(RowImage<'a>, &mut Cells) -> Result<(), Error>,
    ) -> Result<&mut Self, Error> {
        let from = column.locate(self.batch.schema)?;
        let field = self.field(from)?;
        let [before, after] = self.fill(field, Some(from), &mut fill)?;
        let slot = self.slot(from)?;
        if !slot.node.nullable {
            slot.node.to_mut().nullable = true;
        }
        (slot.before, slot.after) = (before, after);
        Ok(self)
    }

    /// Makes every value of a column NULL. A column that is NOT NULL is so no more.
    ///
    /// ```
    /// use rowmill_sdk::harness::{Opened, Rows};
    /// let milled = Opened::new(&Rows::sample())?.process(|batch| {
    ///     let mut edit = batch.edit();
    ///     edit.null("name")?;
    ///     edit.finish()
    /// })?.expect("no row is dropped");
    /// assert!(milled.rows()?.iter().all(|row| row["after"]["name"].is_null()));
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    ///
    /// # Errors
    /// `no-such-column`.
    pub fn null(&mut self, column: impl Locate) -> Result<&mut Self, Error> {
        let from = column.locate(self.batch.schema)?;
        self.set(from, |_, _| Ok(()))?;
        self.slot(from)?.node.to_mut().set("rowmill.not_null", None);
        Ok(self)
    }

    /// Puts a column of another type in the place of one, under the new field's name. `fill` as for [`Edit::set`]; `out.keep()` is NULL
    /// unless the types are stored alike.
    ///
    /// ```
    /// use rowmill_sdk::{Field, harness::{Opened, Rows}};
    /// let milled = Opened::new(&Rows::sample())?.process(|batch| {
    ///     let mut edit = batch.edit();
    ///     edit.replace("name", Field::new("length", "int unsigned")?, |image, out| match image.text("name")? {
    ///         Some(name) => out.int(name.chars().count().try_into().unwrap_or(0)),
    ///         None => Ok(()),
    ///     })?;
    ///     edit.finish()
    /// })?.expect("no row is dropped");
    /// assert_eq!((milled.schema()?.find("name"), milled.schema()?.find("length")), (None, Some(1)));
    /// assert_eq!(milled.rows()?[1]["after"]["length"], 7);
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    ///
    /// # Errors
    /// `no-such-column`, `unknown-type`, `column-exists`, and what `fill` returns, of its row.
    pub fn replace(
        &mut self,
        column: impl Locate,
        field: Field,
        mut fill: impl FnMut(RowImage<'a>, &mut Cells) -> Result<(), Error>,
    ) -> Result<&mut Self, Error> {
        let from = column.locate(self.batch.schema)?;
        let node = field.node()?;
        let alike = self.field(from)?.storage == field.storage;
        self.fresh_name(&field.name, Some(from))?;
        let mut checked = |image: RowImage<'a>, out: &mut Cells| {
            fill(image, out)?;
            if !alike && out.is_kept() { out.null() } else { Ok(()) }
        };
        let [before, after] = self.fill(&field, Some(from), &mut checked)?;
        let slot = self.slot(from)?;
        slot.node = Cow::Owned(node);
        (slot.before, slot.after) = (before, after);
        Ok(self)
    }

    /// Adds a column behind the others. `fill` is asked for every row image; what it does not write is NULL.
    ///
    /// ```
    /// use rowmill_sdk::{Field, harness::{Opened, Rows}};
    /// let milled = Opened::new(&Rows::sample())?.process(|batch| {
    ///     let mut edit = batch.edit();
    ///     edit.add(Field::new("size_and_tags", "varchar(40)")?, |image, out| {
    ///         let (size, tags) = (image.text("size")?.unwrap_or("-"), image.labels("tags")?.unwrap_or_default());
    ///         out.text(&format!("{size}: {}", tags.join(", ")))
    ///     })?;
    ///     edit.finish()
    /// })?.expect("no row is dropped");
    /// assert_eq!(milled.rows()?[0]["after"]["size_and_tags"], "M: new, last");
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    ///
    /// # Errors
    /// `unknown-type`, `column-exists`, and what `fill` returns, of its row.
    pub fn add(&mut self, field: Field, mut fill: impl FnMut(RowImage<'a>, &mut Cells) -> Result<(), Error>) -> Result<&mut Self, Error> {
        let node = field.node()?;
        self.fresh_name(&field.name, None)?;
        let [before, after] = self.fill(&field, None, &mut fill)?;
        self.slots.push(Slot {
            node: Cow::Owned(node),
            from: None,
            before,
            after,
        });
        Ok(self)
    }

    /// Takes a column away. One of the key can go only once another key is set: [`Edit::key`].
    ///
    /// ```
    /// use rowmill_sdk::harness::{Opened, Rows};
    /// let milled = Opened::new(&Rows::sample())?.process(|batch| {
    ///     let mut edit = batch.edit();
    ///     edit.remove("document")?.remove("raw")?;
    ///     assert_eq!(edit.remove("raw").err().map(|error| error.code), Some("no-such-column".to_owned()));
    ///     edit.finish()
    /// })?.expect("no row is dropped");
    /// assert_eq!((milled.schema()?.find("document"), milled.schema()?.find("raw")), (None, None));
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    ///
    /// # Errors
    /// `no-such-column`; `finish` says where it belongs to the key.
    pub fn remove(&mut self, column: impl Locate) -> Result<&mut Self, Error> {
        let from = column.locate(self.batch.schema)?;
        self.slot(from)?;
        self.slots.retain(|slot| slot.from != Some(from));
        Ok(self)
    }

    /// Keeps these columns and takes all others away, also added ones. Their order stays that of the table.
    ///
    /// ```
    /// use rowmill_sdk::harness::{Opened, Rows};
    /// let milled = Opened::new(&Rows::sample())?.process(|batch| {
    ///     let mut edit = batch.edit();
    ///     edit.keep_only(["name", "id"])?;
    ///     edit.finish()
    /// })?.expect("no row is dropped");
    /// assert_eq!(milled.rows()?[1]["after"], serde_json::json!({"id": 1, "name": "changed"}));
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    ///
    /// # Errors
    /// `no-such-column`.
    pub fn keep_only<L: Locate>(&mut self, columns: impl IntoIterator<Item = L>) -> Result<&mut Self, Error> {
        let kept: Vec<usize> = columns
            .into_iter()
            .map(|column| column.locate(self.batch.schema))
            .collect::<Result<_, _>>()?;
        self.slots.retain(|slot| slot.from.is_some_and(|from| kept.contains(&from)));
        Ok(self)
    }

    /// Gives a column another name.
    ///
    /// ```
    /// use rowmill_sdk::harness::{Opened, Rows};
    /// let milled = Opened::new(&Rows::sample())?.process(|batch| {
    ///     let mut edit = batch.edit();
    ///     edit.rename("name", "title")?;
    ///     edit.finish()
    /// })?.expect("no row is dropped");
    /// assert_eq!(milled.rows()?[1]["after"]["title"], "changed");
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    ///
    /// # Errors
    /// `no-such-column`, `column-exists`.
    pub fn rename(&mut self, column: impl Locate, name: &str) -> Result<&mut Self, Error> {
        let from = column.locate(self.batch.schema)?;
        self.fresh_name(name, Some(from))?;
        name.clone_into(&mut self.slot(from)?.node.to_mut().name);
        Ok(self)
    }

    /// Sets the key: columns by their names as they come out, in key order; none for a table without a key. Which updates change the key is
    /// found out anew; where an image before lacks a column of it, what was known of the former key stays.
    ///
    /// ```
    /// use rowmill_sdk::harness::{Opened, Rows};
    /// let milled = Opened::new(&Rows::sample())?.process(|batch| {
    ///     let mut edit = batch.edit();
    ///     edit.key(["size", "born"]);
    ///     edit.finish()
    /// })?.expect("no row is dropped");
    /// let schema = milled.schema()?;
    /// let names: Vec<&str> = schema.key.iter().map(|column| schema.columns[*column].name.as_str()).collect();
    /// assert_eq!(names, ["size", "born"]);
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    pub fn key<N: Into<String>>(&mut self, columns: impl IntoIterator<Item = N>) -> &mut Self {
        self.key = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    /// Gives the table another name in what encoders write. Its topic stays as it is: [`Edit::route_topic`] is for that.
    ///
    /// ```
    /// use rowmill_sdk::harness::{Opened, Rows};
    /// let milled = Opened::new(&Rows::sample())?.process(|batch| {
    ///     let mut edit = batch.edit();
    ///     edit.table("archive");
    ///     edit.finish()
    /// })?.expect("no row is dropped");
    /// assert_eq!((milled.schema()?.table.as_str(), milled.schema()?.topic.as_str()), ("archive", "mysql_sample"));
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    pub fn table(&mut self, name: &str) -> &mut Self {
        self.metadata("rowmill.table", Some(name))
    }

    /// Sets or removes a key of the schema's metadata (`docs/plugin-contract.md`).
    ///
    /// ```
    /// use rowmill_sdk::harness::{Opened, Rows};
    /// let milled = Opened::new(&Rows::sample())?.process(|batch| {
    ///     let mut edit = batch.edit();
    ///     edit.metadata("rowmill.time_zone", Some("Europe/Berlin"));
    ///     edit.finish()
    /// })?.expect("no row is dropped");
    /// assert_eq!(milled.schema()?.time_zone, "Europe/Berlin");
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    pub fn metadata(&mut self, key: &str, value: Option<&str>) -> &mut Self {
        self.metadata.push((key.to_owned(), value.map(str::to_owned)));
        self
    }

    fn field(&self, from: usize) -> Result<&'a Field, Error> {
        let schema = self.batch.schema;
        schema
            .columns
            .get(from)
            .ok_or_else(|| Error::new("no-such-column", "changing a column: it is not there"))
    }

    /// Refuses a name that another column has.
    fn fresh_name(&self, name: &str, except: Option<usize>) -> Result<(), Error> {
        let taken = |slot: &Slot<'_>| (except.is_none() || slot.from != except) && slot.node.name.eq_ignore_ascii_case(name);
        if self.slots.iter().any(taken) {
            return Err(Error::new(
                "column-exists",
                format!(
                    "naming a column `{name}` in {}.{}: there is one already",
                    self.batch.schema.database, self.batch.schema.table
                ),
            ));
        }
        Ok(())
    }
}

impl crate::Schema {
    /// The Arrow fields of the table's columns.
    pub(crate) fn column_nodes(&self) -> &[Node] {
        let after = self.tree.fields.iter().find(|field| field.name == "after");
        after.map_or(&[], |after| after.children.as_slice())
    }
}
