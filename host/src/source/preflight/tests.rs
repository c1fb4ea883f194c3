//! What the checks decide without a server.

use super::*;

#[test]
fn a_server_that_goes_away_during_the_checks_is_waited_for() {
    let lost = Finding::new(Level::Fail, "connection", "lost", "start it").by(&Fault::retry(anyhow!("lost")));
    let lacks = Finding::new(Level::Fail, "SELECT", "lacks", "GRANT SELECT;");
    assert!(matches!(demand(&[lost]), Err(Fault::Retry(_))));
    assert!(matches!(demand(&[lacks]), Err(Fault::Stop(error)) if error.to_string() == "SELECT: lacks; GRANT SELECT"));
    assert!(demand(&[Finding::ok("log_bin", "ON")]).is_ok());
}

#[test]
fn versions_are_compared_by_their_numbers() {
    assert!(version("9.7.4-2") > (8, 0, 22) && version("8.0.22") >= (8, 0, 22) && version("8.0.21-log") < (8, 0, 22));
}
