//! Plugins that keep something from one batch to the next, and what of them a restart goes on from.

use super::{Lab, batch, guests, plugin, run, stopped, topic};
use crate::config::OnError;
use crate::plugin::Chain;

fn counted(chain: &mut Chain, xids: &[u64]) -> Vec<String> {
    run(chain, &batch(1, xids)).unwrap()
}

fn rolled_back(chain: &mut Chain, plugin: Option<&str>) {
    chain.roll_back_to_former(plugin, &mut |_| Ok(())).unwrap();
}

#[test]
fn what_a_plugin_keeps_outlives_its_instances() {
    let lab = Lab::new();
    let path = lab.put("keeper.wasm", &guests::keeper('A'));
    let mut chain = lab.chain(&[plugin(&path, "trap-second")]).unwrap();
    // Each second call breaks, and is made again with a new instance.
    for number in 0..4 {
        let (first, second) = (2 * number + 1, 2 * number + 2);
        assert_eq!(counted(&mut chain, &[1, 2]), [format!("AAAA:{first}"), format!("AAAA:{second}")]);
    }
}

#[test]
fn what_was_refused_was_not_counted() {
    let lab = Lab::new();
    let path = lab.put("keeper.wasm", &guests::keeper('A'));
    let mut settings = plugin(&path, "refuse-odd");
    settings.on_error = OnError::Skip;
    let mut chain = lab.chain(&[settings]).unwrap();
    assert_eq!(counted(&mut chain, &[2]), ["AAAA:1"]);
    assert!(counted(&mut chain, &[3]).is_empty());
    assert_eq!(counted(&mut chain, &[4]), ["AAAA:2"]);
}

#[test]
fn what_a_version_keeps_goes_to_the_next_one_and_back() {
    let lab = Lab::new();
    let path = lab.put("keeper.wasm", &guests::keeper('A'));
    let mut chain = lab.chain(&[plugin(&path, "count")]).unwrap();
    assert_eq!(counted(&mut chain, &[1, 2]), ["AAAA:1", "AAAA:2"]);
    lab.put("keeper.wasm", &guests::keeper('B'));
    let mut next = 3;
    while chain.swaps().0 == 0 {
        let mark = counted(&mut chain, &[1]).remove(0);
        assert!(mark.ends_with(&format!(":{next}")), "{mark}");
        next += 1;
    }
    rolled_back(&mut chain, Some("keeper"));
    assert_eq!(counted(&mut chain, &[1]), [format!("AAAA:{next}")]);
    assert_eq!(chain.standing()[0].taken_back.len(), 1);
}

#[test]
fn a_restart_goes_on_with_what_was_kept_and_without_what_was_taken_back() {
    let lab = Lab::new();
    let path = lab.put("keeper.wasm", &guests::keeper('A'));
    let settings = [plugin(&path, "count")];
    let mut chain = lab.chain(&settings).unwrap();
    lab.put("keeper.wasm", &guests::keeper('B'));
    let mut count = 0;
    while chain.swaps().0 == 0 {
        counted(&mut chain, &[1]);
        count += 1;
    }
    rolled_back(&mut chain, None);
    let standing = chain.standing();
    drop(chain);
    // The file still holds the other version.
    let mut chain = lab.chain(&settings).unwrap();
    chain.resume(&standing).unwrap();
    assert_eq!(counted(&mut chain, &[1]), [format!("AAAA:{}", count + 1)]);
    // The next attempt in the same process is set back as well.
    chain.resume(&standing).unwrap();
    assert_eq!(counted(&mut chain, &[1]), [format!("AAAA:{}", count + 1)]);
    // Whoever asks for it gets it after all.
    chain.reload(Some("keeper"));
    while !counted(&mut chain, &[1])[0].starts_with("BBBB") {}
    // And may go back to what an earlier process had.
    let standing = chain.standing();
    drop(chain);
    let mut chain = lab.chain(&settings).unwrap();
    chain.resume(&standing).unwrap();
    assert!(counted(&mut chain, &[1])[0].starts_with("BBBB"));
    rolled_back(&mut chain, None);
    assert!(counted(&mut chain, &[1])[0].starts_with("AAAA"));
}

#[test]
fn state_that_is_too_large_or_can_not_be_read_is_told_by_name() {
    let lab = Lab::new();
    let path = lab.put("keeper.wasm", &guests::keeper('A'));
    let text = stopped(run(&mut lab.chain(&[plugin(&path, "hoard")]).unwrap(), &batch(1, &[1])));
    assert!(text.contains("it keeps 1048576 bytes where state = 1024 is allowed"), "{text}");
    let mut chain = lab.chain(&[plugin(&path, "count")]).unwrap();
    let _ = chain.run(&batch(1, &[1]), &topic(), &mut |_| Ok(())).unwrap();
    let mut standing = chain.standing();
    standing[0].saved.as_mut().unwrap().version = 8;
    let text = stopped(chain.resume(&standing));
    assert!(
        text.contains("plugin keeper can't go on") && text.contains("state_version 8") && text.contains("unknown-state"),
        "{text}"
    );
}
