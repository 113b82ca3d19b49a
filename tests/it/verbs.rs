//! The verbs on a running instance: what they print, what they change, and the code they end with.

mod complete;
mod config;
mod rolling;
mod wait;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;

use evenkeel::balance::backend::Mode;
use serde_json::Value;

use crate::support::eventually;
use crate::support::keel::{BINARY, Keel, Run, pool, run};
use crate::support::script::ok;
use crate::support::upstream::{Upstream, upstream};

/// A verb, on this instance, in alice's name.
fn verb(keel: &Keel, args: &[&str]) -> Run {
    finished(start(keel, args))
}

/// The same, not waited for.
fn start(keel: &Keel, args: &[&str]) -> Child {
    let mut command = Command::new(BINARY);
    command.args(args).args(["--admin", &keel.admin.to_string()]).env("USER", "alice").env_remove("SUDO_USER");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn finished(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// It ends with 0 and prints exactly this.
#[track_caller]
fn assert_done(run: &Run, stdout: &str) {
    assert_eq!((run.code, run.stdout.trim_end()), (Some(0), stdout), "{}", run.stderr);
}

/// It ends with this code, says all of this on one line of stderr, and nothing on stdout.
#[track_caller]
fn assert_refused(run: &Run, code: i32, says: &[&str]) {
    assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    for words in says {
        assert!(run.stderr.contains(words), "{words:?} is not in {:?}", run.stderr);
    }
}

fn two() -> ([Upstream; 2], Keel) {
    let backends = [upstream(ok("a")), upstream(ok("b"))];
    let keel = Keel::serve(pool(&[&backends[0], &backends[1]]));
    (backends, keel)
}

#[test]
fn what_is_set_shows_with_its_author_and_is_undone() {
    let ([a, b], keel) = two();
    let id = format!("web/{}", a.name());
    let done = |args: &[&str], applied: &str| assert_done(&verb(&keel, args), applied);
    done(&["drain", &id, "--for", "10m", "--reason", "deploy"], &format!("{id} up -> drain"));
    let set = keel.view(&a).mode_override.unwrap();
    assert_eq!((&*set.by, set.reason.as_deref(), set.until_unix_ms.is_some()), ("cli:alice", Some("deploy"), true));
    done(&["undo"], &format!("{id} drain -> up"));
    done(&["redo"], &format!("{id} up -> drain"));
    done(&["up", &a.name()], &format!("{id} drain -> up"));
    done(&["down", &id], &format!("{id} up -> down"));
    done(&["up", &id], &format!("{id} down -> up"));
    done(&["weight", &id, "5"], &format!("{id} weight 1 -> 5"));
    done(&["weight", &id, "configured"], &format!("{id} weight 5 -> 1"));
    done(&["strategy", "web", "peak_ewma"], "web strategy least_connections -> peak_ewma");
    let table = verb(&keel, &["status"]);
    assert_eq!(table.code, Some(0), "{}", table.stderr);
    for words in ["web: peak_ewma (configured: least_connections)", "2 of 2 eligible", &b.name(), "by cli:alice since"] {
        assert!(table.stdout.contains(words), "{words} is not in\n{}", table.stdout);
    }
    done(&["strategy", "web", "configured"], "web strategy peak_ewma -> least_connections");
}

#[test]
fn scripts_get_lines_or_the_apis_json() {
    let ([a, b], keel) = two();
    let plain = verb(&keel, &["status", "--plain", "web"]);
    let line = |backend: &Upstream| format!("web/{}\tup\tunknown\t0\t{}", backend.name(), backend.url());
    assert_done(&plain, &format!("{}\n{}", line(&a), line(&b)));
    let json = |args: &[&str]| -> Value {
        let run = verb(&keel, args);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        serde_json::from_str(&run.stdout).unwrap()
    };
    assert_eq!(json(&["status", "--json"])["pools"][0]["name"], "web");
    assert_eq!(json(&["--json", "status", &a.name()])["url"], a.url());
    let id = format!("web/{}", a.name());
    assert_eq!(json(&["drain", &id, "--json"])["applied"], format!("{id} up -> drain"));
    let no = verb(&keel, &["drain", "web/nobody", "--json"]);
    assert_eq!(no.code, Some(1));
    assert_eq!(serde_json::from_str::<Value>(&no.stdout).unwrap()["error"]["code"], "no_backend");
}

#[test]
fn a_no_ends_with_1_and_says_what_would_help() {
    let ([a, b], keel) = two();
    let [a_id, b_id] = [&a, &b].map(|backend| format!("web/{}", backend.name()));
    assert_eq!(verb(&keel, &["drain", &a_id]).code, Some(0));
    assert_refused(&verb(&keel, &["drain", &b_id]), 1, &[&b_id, "last eligible", "--force"]);
    assert_eq!(keel.view(&b).mode, Mode::Up);
    assert_eq!(verb(&keel, &["drain", &b_id, "--force"]).code, Some(0));
    let misspelt = format!("{a_id}0");
    assert_refused(&verb(&keel, &["up", &misspelt]), 1, &[&misspelt, &format!("did you mean {a_id}?")]);
    assert_refused(&verb(&keel, &["up", "nobody-of-that-name"]), 1, &["nothing is called nobody-of-that-name"]);
    assert_refused(&verb(&keel, &["strategy", "wep", "random"]), 1, &["there is no pool wep", "web"]);
    assert_refused(&verb(&keel, &["redo"]), 1, &["nothing to redo"]);
}

#[test]
fn a_name_that_several_have_needs_its_pool() {
    let shared = upstream(ok("x"));
    let pools = ["web", "shop"].map(|name| {
        format!(
            "  - {{name: {name}, path_prefix: /{name}, health_check: null, backends: [{{name: a, url: \"{}\"}}]}}\n",
            shared.url()
        )
    });
    let keel = Keel::serve(format!("pools:\n{}", pools.concat()));
    assert_refused(&verb(&keel, &["drain", "a"]), 1, &["several backends a", "web/a", "shop/a"]);
}

#[test]
fn nobody_there_is_1_and_wrong_usage_is_2() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for args in [&["status"][..], &["drain", "web/a"], &["events"], &["reload"]] {
        let run = run(&[args, &["--admin", &nobody]].concat());
        assert_refused(&run, 1, &[&nobody, "connection refused", "--admin ADDR"]);
    }
    let (_backends, keel) = two();
    assert_refused(&verb(&keel, &["drain", "web/a", "--read-only"]), 2, &["--read-only"]);
    assert_eq!(verb(&keel, &["status", "--read-only"]).code, Some(0));
    for args in [&["drain"][..], &["drain", "a", "--wait", "60"], &["weight", "a", "much"], &["down", "a", "--then", "up"]] {
        assert_eq!(verb(&keel, args).code, Some(2), "{args:?}");
    }
}

#[test]
fn the_config_says_where_it_answers() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(pool(&[&backend]));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.yaml");
    std::fs::write(&path, format!("admin: {{listen: \"{}\"}}\n{}", keel.admin, pool(&[&backend]))).unwrap();
    let status = run(&["status", "--plain", "-c", path.to_str().unwrap()]);
    assert_eq!(status.code, Some(0), "{}", status.stderr);
    assert!(status.stdout.contains(&backend.url()));
}

#[test]
fn events_are_told_from_the_beginning_and_as_they_come() {
    let ([a, _b], keel) = two();
    let id = format!("web/{}", a.name());
    let mut following = start(&keel, &["events", "--follow", "--json", "--since", "0"]);
    let mut stdout = following.stdout.take().unwrap();
    let heard = thread::spawn(move || {
        let mut text = String::new();
        let mut piece = [0; 1024];
        while !text.contains("deploy") {
            let n = stdout.read(&mut piece).unwrap();
            assert!(n > 0, "{text}");
            text += std::str::from_utf8(&piece[..n]).unwrap();
        }
        text
    });
    assert_eq!(verb(&keel, &["drain", &id, "--reason", "deploy"]).code, Some(0));
    let text = heard.join().unwrap();
    let kinds: Vec<_> = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["kind"].clone()).collect();
    assert!(kinds.contains(&"listening".into()) && kinds.contains(&"mode_changed".into()), "{kinds:?}");
    following.kill().unwrap();
    following.wait().unwrap();

    let past = verb(&keel, &["events"]);
    assert_eq!(past.code, Some(0), "{}", past.stderr);
    assert!(past.stdout.contains(&format!("OPER {id} up -> drain by cli:alice, 0 in flight: deploy")), "{}", past.stdout);
    let last: u64 = kinds.len() as u64;
    let rest = verb(&keel, &["events", "--since", &last.to_string()]);
    assert!(!rest.stdout.contains("listening on"), "{}", rest.stdout);
}

#[test]
fn nothing_foreign_reaches_the_terminal_as_it_came() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 4096]);
            let body = "{\"error\":{\"code\":\"x\",\"message\":\"\\u001b]0;owned\\u0007\\u202e\\nsecond line\"}}";
            let _ = write!(stream, "HTTP/1.1 409 C\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        }
    });
    let refused = run(&["undo", "--admin", &address]);
    assert_refused(&refused, 1, &["\\u{1b}]0;owned\\u{7}\\u{202e}\\nsecond line"]);
}

#[test]
fn a_config_that_happens_to_lie_here_keeps_its_token() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("token"), "a-token-for-the-test-0123456789").unwrap();
    let config = dir.path().join("config.yaml");
    for (listen, shows) in [("127.0.0.1:9900", false), (&*address, true)] {
        std::fs::write(&config, format!("admin: {{listen: \"{listen}\", token_file: token}}\n")).unwrap();
        let mut command = Command::new(BINARY);
        command.args(["undo", "--admin", &address]).current_dir(dir.path()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut heard = [0; 4096];
        let n = listener.accept().unwrap().0.read(&mut heard).unwrap();
        assert_eq!(String::from_utf8_lossy(&heard[..n]).contains("a-token-for-the-test"), shows, "{listen}");
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }
}

#[test]
fn a_token_opens_the_door() {
    let backend = upstream(ok("ok"));
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "a-token-for-the-test-0123456789\n").unwrap();
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let socket = dir.path().join("ek.sock");
    let admin = format!("unix:{}", socket.display());
    let config = dir.path().join("config.yaml");
    let yaml =
        format!("listen: 127.0.0.1:0\nadmin: {{listen: \"{admin}\", token_file: {}}}\n{}", token.display(), pool(&[&backend]));
    std::fs::write(&config, yaml).unwrap();
    let config = config.to_str().unwrap();
    let mut child = Command::new(BINARY).args(["serve", "-c", config]).stderr(Stdio::null()).spawn().unwrap();
    eventually("the admin API", || socket.exists().then_some(()));
    let without = run(&["status", "--admin", &admin]);
    assert_refused(&without, 1, &["token", "EVENKEEL_TOKEN_FILE"]);
    for args in [&["status", "-c", config][..], &["status", "--admin", &admin, "--token-file", token.to_str().unwrap()]] {
        let run = run(args);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
