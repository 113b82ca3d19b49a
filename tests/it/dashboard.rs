//! The dashboard in a real terminal: what its keys do to the traffic, and what the terminal is like afterwards.

use std::net::{SocketAddr, TcpStream};

use evenkeel::balance::backend::Mode;
use evenkeel::balance::snapshot::Snapshot;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::client::{Client, get};
use crate::support::eventually;
use crate::support::keel::config_dir;
use crate::support::process::cpu_ticks;
use crate::support::pty::Pty;
use crate::support::script::{Gate, held, ok, raw};
use crate::support::upstream::{Upstream, upstream};

/// The last line of the report that stays on the screen.
const FAREWELL: &str = "every request was finished";

/// evenkeel in a terminal, over three backends named `api-1` to `api-3`.
struct Cockpit {
    pty: Pty,
    backends: Vec<Upstream>,
    dir: TempDir,
}

impl Cockpit {
    fn open(columns: u16, rows: u16) -> Self {
        Self::open_with(columns, rows, "", &[])
    }

    fn open_with(columns: u16, rows: u16, settings: &str, environment: &[(&str, &str)]) -> Self {
        let cockpit = Self::board(columns, rows, settings, environment);
        cockpit.pty.wait_until("the dashboard", |s| s.alternate_screen() && s.contents().contains("api-1"));
        cockpit
    }

    /// Starts it, whatever it then shows.
    fn board(columns: u16, rows: u16, settings: &str, environment: &[(&str, &str)]) -> Self {
        let backends: Vec<_> = (1..=3).map(|n| upstream(ok(&format!("api-{n}")))).collect();
        let names = backends.iter().zip(1..).map(|(b, n)| format!("      - {{name: api-{n}, url: \"{}\"}}\n", b.url()));
        let pools = format!("pools:\n  - name: web\n    health_check: null\n    backends:\n{}", names.collect::<String>());
        let (dir, config) = config_dir("unix:DIR/admin.sock", format!("{settings}{pools}"));
        let pty = Pty::spawn(columns, rows, &["-c", config.to_str().unwrap()], environment);
        Self { pty, backends, dir }
    }

    fn snapshot(&self) -> Snapshot {
        let path = self.dir.path().join("admin.sock");
        let mut client = eventually("the admin socket", || Client::to_path(&path));
        let response = client.send("GET /api/v1/snapshot HTTP/1.1\r\nhost: localhost\r\n\r\n").response();
        serde_json::from_slice(&response.body).unwrap()
    }

    fn address(&self) -> SocketAddr {
        eventually("an address", || self.snapshot().listen.first().cloned()).parse().unwrap()
    }

    /// The backends' modes, once they are these in some order.
    #[track_caller]
    fn wait_for_modes(&self, modes: [Mode; 3]) -> Vec<Mode> {
        eventually(&format!("{modes:?}"), || {
            let now: Vec<_> = self.snapshot().pools[0].backends.iter().map(|b| b.mode).collect();
            let mut sorted = now.clone();
            sorted.sort_by_key(|mode| *mode as u8);
            (sorted == modes).then_some(now)
        })
    }

    /// Waits until the table's row for a backend says this.
    #[track_caller]
    fn wait_for_row(&self, backend: &str, says: &str) {
        self.pty.wait_until(&format!("{backend} {says}"), |screen| {
            screen.rows(0, screen.size().1.get()).any(|row| row.contains(backend) && row.contains(says))
        });
    }

    /// Which backends answer six requests.
    fn answering(&self) -> Vec<String> {
        let address = self.address();
        let mut answers: Vec<_> = (0..6).map(|_| get(address, "/").text()).collect();
        answers.sort();
        answers.dedup();
        answers
    }

    /// A request that its backend has received and keeps until the gate opens.
    fn hold_a_request(&self, gate: &Gate) -> Client {
        self.backends.iter().for_each(|backend| backend.plays(held(gate, "finished")));
        let before: usize = self.backends.iter().map(Upstream::hits).sum();
        let mut client = Client::to(self.address());
        client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
        eventually("the request", || (self.backends.iter().map(Upstream::hits).sum::<usize>() > before).then_some(()));
        client
    }

    #[track_caller]
    fn assert_gone(&mut self) {
        assert_eq!(self.pty.exit_code(), 0, "{}", self.pty.text());
        self.pty.assert_restored(FAREWELL);
    }
}

/// The cell where this text begins on the screen.
fn first_cell<'a>(screen: &'a vt100::Screen, text: &str) -> Option<&'a vt100::Cell> {
    let rows = screen.rows(0, screen.size().1.get()).zip(0..);
    let (column, row) = rows.into_iter().find_map(|(line, row)| Some((line[..line.find(text)?].chars().count(), row)))?;
    screen.cell(row, column as u16)
}

#[test]
fn it_appears_in_every_size_and_leaves_the_terminal_as_it_was() {
    for (columns, rows) in [(120, 36), (80, 24), (40, 12)] {
        let mut cockpit = Cockpit::open(columns, rows);
        cockpit.pty.keys("q");
        cockpit.assert_gone();
    }
}

#[test]
fn a_tiny_terminal_is_no_reason_to_refuse() {
    for (columns, rows) in [(20, 5), (10, 1), (1, 1)] {
        let mut cockpit = Cockpit::board(columns, rows, "", &[]);
        assert_eq!(cockpit.answering(), ["api-1", "api-2", "api-3"]);
        cockpit.pty.wait_until("the dashboard", vt100::Screen::alternate_screen);
        cockpit.pty.signal(Signal::TERM);
        assert_eq!(cockpit.pty.exit_code(), 0);
    }
}

#[test]
fn d_takes_a_backend_out_of_rotation_and_z_brings_it_back() {
    let mut cockpit = Cockpit::open(120, 36);
    assert_eq!(cockpit.answering(), ["api-1", "api-2", "api-3"]);
    cockpit.pty.keys("jd");
    let modes = cockpit.wait_for_modes([Mode::Up, Mode::Up, Mode::Drain]);
    let drained = modes.iter().position(|mode| *mode == Mode::Drain).unwrap();
    let name = format!("api-{}", drained + 1);
    cockpit.wait_for_row(&name, "◐ drain");
    assert!(!cockpit.answering().contains(&name), "{name} still gets requests");
    cockpit.pty.keys("z");
    cockpit.wait_for_modes([Mode::Up; 3]);
    assert_eq!(cockpit.answering(), ["api-1", "api-2", "api-3"]);
}

#[test]
fn a_drained_backend_finishes_what_it_has() {
    let mut cockpit = Cockpit::open(120, 36);
    let gate = Gate::default();
    let mut clients: Vec<_> = (0..3).map(|_| cockpit.hold_a_request(&gate)).collect();
    cockpit.pty.keys("d");
    cockpit.wait_for_modes([Mode::Up, Mode::Up, Mode::Drain]);
    gate.open();
    for client in &mut clients {
        assert_eq!(client.response().text(), "finished");
    }
    cockpit.pty.wait_for("drained");
}

#[test]
fn x_cuts_even_an_answer_that_its_client_does_not_take() {
    let mut cockpit = Cockpit::open(120, 36);
    let large = [b"HTTP/1.1 200 OK\r\ncontent-length: 67108864\r\n\r\n".to_vec(), vec![b'x'; 64 << 20]].concat();
    cockpit.backends.iter().for_each(|backend| backend.plays(raw(&large)));
    let mut clients: Vec<_> = (0..3).map(|_| Client::to(cockpit.address())).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").head();
    }
    let in_flight = |cockpit: &Cockpit| cockpit.snapshot().pools[0].in_flight;
    cockpit.pty.wait_for("3 in flight");
    cockpit.pty.keys("x");
    cockpit.pty.wait_for("Switch web/api-1 off?");
    cockpit.pty.wait_until("keys that count", |screen| first_cell(screen, "c cut").is_some_and(vt100::Cell::bold));
    cockpit.pty.keys("c");
    cockpit.wait_for_modes([Mode::Up, Mode::Up, Mode::Down]);
    eventually("one download less", || (in_flight(&cockpit) == 2).then_some(()));
}

#[test]
fn the_last_backend_is_not_taken_out_by_one_key() {
    let mut cockpit = Cockpit::open(120, 36);
    cockpit.pty.keys("d");
    cockpit.wait_for_row("api-1", "◐ drain");
    // Half of the capacity that is left: a dialog, with cancelling in focus.
    cockpit.pty.keys("jd");
    cockpit.pty.wait_for("Drain web/api-2?");
    cockpit.pty.wait_for("[n cancel]");
    // Keys count from when the other answer lights up: nobody confirms what has just appeared under the fingers.
    cockpit.pty.wait_until("keys that count", |screen| first_cell(screen, "y yes").is_some_and(vt100::Cell::bold));
    cockpit.pty.keys("\r");
    cockpit.pty.wait_until("no dialog", |screen| !screen.contents().contains("Drain web/api-2?"));
    cockpit.wait_for_modes([Mode::Up, Mode::Up, Mode::Drain]);
}

#[test]
fn signals_end_it_in_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut cockpit = Cockpit::open(80, 24);
        let gate = Gate::default();
        let address = cockpit.address();
        let mut client = cockpit.hold_a_request(&gate);
        cockpit.pty.signal(signal);
        eventually("no new connections", || TcpStream::connect(address).is_err().then_some(()));
        gate.open();
        assert_eq!(client.response().text(), "finished");
        cockpit.assert_gone();
    }
}

#[test]
fn ctrl_c_drains_and_a_second_one_cuts() {
    let mut cockpit = Cockpit::open(80, 24);
    let gate = Gate::default();
    let _client = cockpit.hold_a_request(&gate);
    cockpit.pty.keys("\x03");
    cockpit.pty.wait_for("DRAINING");
    cockpit.pty.keys("\x03");
    assert_eq!(cockpit.pty.exit_code(), 130);
    cockpit.pty.assert_restored("1 request was cut");
}

#[test]
fn ctrl_z_is_refused() {
    let mut cockpit = Cockpit::open(120, 36);
    cockpit.pty.keys("\x1a");
    cockpit.pty.wait_for("Ctrl-Z");
    assert_eq!(cockpit.answering(), ["api-1", "api-2", "api-3"]);
}

#[test]
fn a_closed_terminal_drains_and_ends() {
    let mut cockpit = Cockpit::open(80, 24);
    let gate = Gate::default();
    let mut client = cockpit.hold_a_request(&gate);
    cockpit.pty.close();
    gate.open();
    assert_eq!(client.response().text(), "finished");
    assert_eq!(cockpit.pty.exit_code(), 0);
}

#[test]
fn a_closed_terminal_may_leave_the_proxy_serving_and_at_rest() {
    let mut cockpit = Cockpit::open_with(80, 24, "on_hangup: serve\n", &[]);
    cockpit.pty.close();
    assert_eq!(cockpit.answering(), ["api-1", "api-2", "api-3"]);
    let pid = cockpit.pty.pid();
    let before = cpu_ticks(pid);
    std::thread::sleep(std::time::Duration::from_secs(1));
    let ticks = cpu_ticks(pid) - before;
    assert!(ticks < 50, "{ticks} ticks of processor time in a second without anything to do");
    assert!(cockpit.pty.is_running());
    cockpit.pty.signal(Signal::TERM);
    assert_eq!(cockpit.pty.exit_code(), 0);
}

#[test]
fn it_survives_a_storm_of_resizes() {
    let mut cockpit = Cockpit::open(120, 36);
    for n in 0..300u16 {
        cockpit.pty.resize(1 + n * 37 % 200, 1 + n * 17 % 60);
    }
    cockpit.pty.resize(120, 36);
    cockpit.pty.keys("\x0c");
    cockpit.pty.wait_for("api-3");
    cockpit.pty.keys("d");
    cockpit.wait_for_modes([Mode::Up, Mode::Up, Mode::Drain]);
    cockpit.pty.signal(Signal::TERM);
    cockpit.assert_gone();
}

#[test]
fn without_colour_the_selected_row_still_stands_out() {
    let cockpit = Cockpit::open_with(120, 36, "", &[("NO_COLOR", "1")]);
    cockpit.pty.wait_until("a backend in reverse video", |screen| {
        let (rows, columns) = (screen.size().0.get(), screen.size().1.get());
        (0..rows).any(|row| {
            let reversed: String =
                (0..columns).filter_map(|c| screen.cell(row, c)).filter(|c| c.inverse()).map(vt100::Cell::contents).collect();
            reversed.contains("api-")
        })
    });
    cockpit.pty.wait_until("no colour anywhere", |screen| {
        let (rows, columns) = (screen.size().0.get(), screen.size().1.get());
        let mut cells = (0..rows).flat_map(|row| (0..columns).filter_map(move |column| screen.cell(row, column)));
        cells.all(|cell| cell.fgcolor() == vt100::Color::Default && cell.bgcolor() == vt100::Color::Default)
    });
}

#[test]
#[cfg(debug_assertions)]
fn a_panic_in_a_request_leaves_screen_and_traffic_intact() {
    let mut cockpit = Cockpit::open_with(120, 36, "", &[("EVENKEEL_PROVOKE_PANIC", "1")]);
    let mut client = Client::to(cockpit.address());
    client.send("GET /panic HTTP/1.1\r\nhost: test\r\n\r\n");
    assert!(client.is_at_end(), "the request is lost");
    cockpit.pty.wait_for("a task panicked (a bug in evenkeel)");
    cockpit.pty.wait_until("the dashboard, untouched", |screen| {
        let first = screen.rows(0, screen.size().1.get()).next().unwrap_or_default();
        screen.alternate_screen() && screen.hide_cursor() && first.contains("SERVING")
    });
    assert_eq!(cockpit.answering(), ["api-1", "api-2", "api-3"]);
    cockpit.pty.keys("?");
    cockpit.pty.wait_for("next line");
    cockpit.pty.signal(Signal::TERM);
    cockpit.assert_gone();
}

#[test]
fn a_dumb_terminal_gets_plain_lines() {
    let mut cockpit = Cockpit::board(120, 36, "", &[("TERM", "dumb")]);
    cockpit.pty.wait_for("listening on");
    assert_eq!(cockpit.answering(), ["api-1", "api-2", "api-3"]);
    cockpit.pty.wait_until("no dashboard", |screen| !screen.alternate_screen() && !screen.hide_cursor());
    cockpit.pty.signal(Signal::TERM);
    assert_eq!(cockpit.pty.exit_code(), 0);
    cockpit.pty.assert_restored(FAREWELL);
}

#[test]
fn the_demo_lives_and_lets_others_join_in() {
    let mut pty = Pty::spawn(120, 36, &["demo"], &[]);
    pty.wait_until("all five backends", |screen| {
        ["steady", "heavy", "slow", "flaky", "nomad"].iter().all(|name| screen.contents().contains(name))
    });
    let url = "curl http://";
    pty.wait_for(url);
    let text = pty.text();
    let address = text[text.find(url).unwrap() + url.len()..].split('/').next().unwrap();
    // The flaky one may answer 500, the nomad may leave in the middle, but somebody answers.
    let status = get(address.parse().unwrap(), "/").status;
    assert!([200, 500, 502].contains(&status), "{status}");
    pty.wait_until("2xx answers", |screen| screen.contents().contains("2xx 9") || screen.contents().contains("2xx 100"));
    pty.keys("q");
    pty.wait_for("Stop serving?");
    pty.signal(Signal::TERM);
    assert_eq!(pty.exit_code(), 0);
    pty.assert_restored("shut down");
}
