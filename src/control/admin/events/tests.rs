use super::*;
use crate::event::{Event, Severity};

fn note(bus: &EventBus, text: &str) {
    bus.publish(Event::Note { text: text.to_owned(), severity: Severity::Warning });
}

fn reader(bus: &EventBus, seen: Option<u64>, stop: &CancellationToken) -> Reader {
    let seat = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    Reader::new(bus.clone(), seen, stop.clone(), seat)
}

/// The numbers of the next events, as they are told.
async fn next(reader: &mut Reader) -> String {
    format!("{:?}", reader.next().await.expect("an event"))
}

#[test]
fn an_event_is_told_with_its_number_and_its_line() {
    let event = Event::CallsRefused { from: "10.0.0.1".into(), code: "unauthorized".into(), times: 2 };
    let data = data(&Stamped { seq: 7, at_unix_ms: 5, event });
    assert_eq!(
        data,
        json!({
            "seq": 7, "at_unix_ms": 5, "kind": "calls_refused", "from": "10.0.0.1", "code": "unauthorized", "times": 2,
            "severity": "warning", "text": "admin API refused 2 calls from 10.0.0.1: unauthorized",
        })
    );
}

#[tokio::test]
async fn what_is_remembered_comes_first() {
    let (bus, stop) = (EventBus::default(), CancellationToken::new());
    for text in ["a", "b", "c"] {
        note(&bus, text);
    }
    let (mut from_two, mut from_now) = (reader(&bus, Some(1), &stop), reader(&bus, None, &stop));
    note(&bus, "d");
    for text in ["b", "c", "d"] {
        let told = next(&mut from_two).await;
        assert!(told.contains(&format!(r#"\"text\":\"{text}\""#)), "{told}");
    }
    assert!(next(&mut from_now).await.contains("id: 4"));
    stop.cancel();
    assert!(from_two.next().await.is_none(), "the end");
    let mut past = Reader { follow: false, ..reader(&bus, Some(3), &CancellationToken::new()) };
    assert!(next(&mut past).await.contains("id: 4"));
    assert!(past.next().await.is_none(), "nothing to come is waited for");
}

#[tokio::test]
async fn a_slow_reader_is_told_what_it_has_lost() {
    let (bus, stop) = (EventBus::default(), CancellationToken::new());
    let mut slow = reader(&bus, None, &stop);
    (0..1030).for_each(|_| note(&bus, "a"));
    assert!(next(&mut slow).await.contains(r#"{\"lost\":6}"#));
    assert!(next(&mut slow).await.contains("id: 7"));
    assert_eq!(bus.dropped(), 6);
}
