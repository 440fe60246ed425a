//! That no answer is taken into memory without a bound, over a wire that stays in the process (`wire.rs`) and from a
//! server on this machine.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_credential_types::Credentials;

use super::{
    clients::Services,
    settings::Settings,
    tally::LARGEST,
    wire::{Wire, xml},
};
use crate::cloud::{Calls, Error, Identity};

#[tokio::test(start_paused = true)]
async fn an_answer_above_the_bound_is_no_answer_and_one_below_it_is() {
    let padded = |length: usize| {
        Wire::new(move |sent| {
            let space = " ".repeat(length);
            xml(&sent.operation, &format!("{space}<Account>111122223333</Account>"))
        })
    };
    let caller = padded(LARGEST - 1_000).services.identity.caller().await.unwrap();
    assert_eq!(caller.account, "111122223333");
    let error = padded(LARGEST).services.identity.caller().await.unwrap_err();
    assert!(matches!(error, Error::Transient { .. }), "{error:?}");
    assert!(error.to_string().contains("the answer is larger than 16 MiB"), "{error}");
}

/// Sends spaces without end, and says how many it got rid of.
fn endless() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let sent = Arc::<AtomicUsize>::default();
    let counted = sent.clone();
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let _ = connection.read(&mut [0; 4096]);
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 400000000\r\n\r\n";
        let _ = connection.write_all(head.as_bytes());
        let piece = vec![b' '; 65_536];
        while connection.write_all(&piece).is_ok() {
            counted.fetch_add(piece.len(), Ordering::Relaxed);
        }
    });
    (url, sent)
}

#[tokio::test]
async fn a_server_that_answers_400_mb_is_hung_up_on() {
    let (url, sent) = endless();
    let credentials = Credentials::new("AKIDEXAMPLE", "example", None, None, "tests");
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .endpoint_url(url)
        .load()
        .await;
    let services = Services::new(&config, &Settings::default(), &Calls::default());
    let error = services.identity.caller().await.unwrap_err();
    assert!(error.to_string().contains("the answer is larger than 16 MiB"), "{error}");
    // What the kernel's buffers took is not read by anybody.
    let sent = sent.load(Ordering::Relaxed);
    assert!((LARGEST..LARGEST * 2).contains(&sent), "{sent}");
}
