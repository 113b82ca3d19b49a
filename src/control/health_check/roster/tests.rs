use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use super::*;
use crate::balance::backend::Eligibility;
use crate::config::{self, Config};
use crate::control::fixture;

#[tokio::test(start_paused = true)]
async fn requests_wait_a_second_for_the_first_verdict() {
    let mut settings = fixture::settings("web", &["a", "b"]);
    settings.checked = true;
    let (pool, bus) = (fixture::pool_of(settings), EventBus::default());
    let mut events = bus.subscribe();
    pool.backends()[1].live.set_verdict(Verdict::Unhealthy, 1);
    pool.refresh(clock::now());
    let stale = Arc::new(Notify::new());
    for backend in pool.backends() {
        tokio::spawn(stop_waiting(Arc::clone(backend), Arc::clone(&stale)));
    }
    tokio::spawn(keep_fresh(Arc::clone(&pool), stale, bus));
    sleep(Duration::from_millis(999)).await;
    assert_eq!(pool.backends()[0].eligibility(), Eligibility::AwaitingFirstCheck);
    assert_eq!(events.recv().await.unwrap().event.to_string(), "web 0 -> 1 of 2 eligible");
    let eligibilities: Vec<_> = pool.backends().iter().map(|backend| backend.eligibility()).collect();
    assert_eq!(eligibilities, [Eligibility::Eligible, Eligibility::Unhealthy]);
}

/// A backend that counts those who come; its port.
async fn backend(visits: watch::Sender<u32>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            visits.send_modify(|visits| *visits += 1);
            let _ = stream.write_all(b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    port
}

fn config(port: u16, check: &str) -> Config {
    let text = format!("pools: [{{name: web, backends: [\"http://127.0.0.1:{port}\"], health_check: {check}}}]");
    config::parse_str(&text).unwrap().config
}

#[tokio::test]
async fn without_checks_nobody_comes_and_there_is_no_verdict() {
    const WAIT: Duration = Duration::from_secs(20);
    let (count, mut visits) = watch::channel(0);
    let port = backend(count).await;
    let first = Running::new(config(port, "{interval: 20ms, timeout: 10s}"), Vec::new(), || 0);
    let (publish, follow) = watch::channel(Arc::clone(&first));
    let register = Register::new(&first);
    let roster = Roster::new(register.clone(), EventBus::default(), mpsc::unbounded_channel().0);
    let roster = tokio::spawn(roster.run(follow));
    timeout(WAIT, visits.wait_for(|visits| *visits > 3)).await.unwrap().unwrap();
    let live = Arc::clone(&first.pools[0].backends()[0].live);
    assert_eq!(live.verdict(), Verdict::Unhealthy);

    let second = first.succeeded_by(config(port, "null"), Vec::new(), || 0);
    second.pools[0].refresh(clock::now());
    register.follow(&second);
    publish.send_replace(Arc::clone(&second));
    let eligible = async {
        while second.pools[0].rotation().members().is_empty() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(WAIT, eligible).await.unwrap();
    assert_eq!(live.verdict(), Verdict::Unknown);
    // One may have been on its way.
    sleep(Duration::from_millis(50)).await;
    visits.mark_unchanged();
    assert!(timeout(Duration::from_millis(200), visits.changed()).await.is_err());

    let third = second.succeeded_by(config(port, "{interval: 20ms, timeout: 10s}"), Vec::new(), || 0);
    third.pools[0].refresh(clock::now());
    register.follow(&third);
    publish.send_replace(third);
    timeout(WAIT, visits.changed()).await.unwrap().unwrap();
    roster.abort();
}
