//! Addresses: loopback alone, of both families, and one ready line.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use kms_e2e::{Server, ServerOptions, client, fresh_account};
use kms_local::EphemeralFolder;

use super::process::{run, sentence, spawn, text};
use crate::support::{REGION, new_key};

#[test]
fn an_address_that_others_can_reach_is_refused_before_anything_is_made() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let data = folder.path().join("data");
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"] {
        let output = run(&["dev", "--listen", address, "--data-dir", text(&data)]);
        assert_eq!(sentence(&output), format!("dev serves loopback addresses only, {address} is none"));
        assert!(!data.exists());
    }
}

#[tokio::test]
async fn the_loopback_address_of_ip_6_is_served() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let server = Server::start_at(&folder.path().join("data"), "[::1]:0", &ServerOptions::default()).unwrap();
    assert!(server.endpoint().starts_with("http://[::1]:"), "{}", server.endpoint());
    new_key(&client(server.endpoint(), &fresh_account(), REGION)).await;
}

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let taken = Server::shared().address();
    let output = run(&["dev", "--listen", taken, "--data-dir", text(&folder.path().join("data"))]);
    assert_eq!(sentence(&output), format!("{taken} cannot be listened on: Address already in use (os error 98)"));
}

#[test]
fn standard_output_holds_the_ready_line_and_nothing_else() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let data = folder.path().join("data");
    let mut child = spawn(&["dev", "--listen", "127.0.0.1:0", "--data-dir", text(&data)], Stdio::null());
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let endpoint = line.trim_end().strip_prefix("strongroom is ready at http://").unwrap_or_else(|| panic!("{line}"));
    std::net::TcpStream::connect(endpoint).unwrap();
    let pid = rustix::process::Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), child.wait().unwrap().success()), ("", true));
}
