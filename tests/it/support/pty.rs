//! The real binary in a real terminal: a pseudo-terminal, a screen that understands it, and somebody at the keys.

use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

use super::keel::BINARY;
use super::{before_deadline, eventually};

/// A terminal with evenkeel in it. Whoever is still in it when it is dropped is killed.
pub struct Pty {
    child: Box<dyn Child + Send + Sync>,
    screen: Arc<Mutex<vt100::Parser>>,
    /// What is left when the program has gone; `None` once the terminal is closed.
    terminal: Option<Terminal>,
    closing: Arc<AtomicBool>,
}

struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    reader: JoinHandle<()>,
    /// Keeps the terminal alive when the program has gone, as a shell would.
    _slave: Box<dyn SlavePty + Send>,
    settings_before: String,
}

impl Pty {
    /// Starts the binary with these arguments in a terminal of this size.
    pub fn spawn(columns: u16, rows: u16, args: &[&str], environment: &[(&str, &str)]) -> Self {
        let pair = native_pty_system().openpty(size(columns, rows)).unwrap();
        let mut command = CommandBuilder::new(BINARY);
        command.args(args);
        command.cwd(Path::new(env!("CARGO_MANIFEST_DIR")));
        for name in ["NO_COLOR", "COLORTERM", "COLORFGBG"] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color");
        for (name, value) in environment {
            command.env(name, value);
        }
        let settings_before = settings(pair.master.as_ref());
        let child = pair.slave.spawn_command(command).unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(cells(rows), cells(columns), 0)));
        let closing = Arc::new(AtomicBool::new(false));
        let reader = pair.master.try_clone_reader().unwrap();
        let reader = thread::spawn({
            let (screen, closing) = (Arc::clone(&screen), Arc::clone(&closing));
            move || read(reader, &screen, &closing)
        });
        let keyboard = pair.master.take_writer().unwrap();
        let terminal = Terminal { master: pair.master, keyboard, reader, _slave: pair.slave, settings_before };
        Self { child, screen, terminal: Some(terminal), closing }
    }

    /// Types.
    pub fn keys(&mut self, keys: &str) {
        self.terminal().keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Changes the window's size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.screen.lock().unwrap().screen_mut().set_size(cells(rows), cells(columns));
        self.terminal().master.resize(size(columns, rows)).unwrap();
    }

    /// What is on the screen.
    pub fn text(&self) -> String {
        self.parser().screen().contents()
    }

    /// Waits until this is on the screen.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        self.wait_until(&format!("{text:?} on the screen"), |screen| screen.contents().contains(text));
    }

    /// Waits until the screen is as it should be.
    #[track_caller]
    pub fn wait_until(&self, what: &str, is: impl Fn(&vt100::Screen) -> bool) {
        let seen = before_deadline(|| is(self.parser().screen()).then_some(()));
        assert!(seen.is_some(), "waited in vain: {what}; the screen shows\n{}", self.text());
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// The program's process id.
    pub fn pid(&self) -> Pid {
        let id = self.child.process_id().expect("a process has an id");
        Pid::from_raw(id.cast_signed()).expect("no process has the id 0")
    }

    /// Whether the program still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the program's end and gives its exit code.
    #[track_caller]
    pub fn exit_code(&mut self) -> u32 {
        eventually("the end of the program", || self.child.try_wait().unwrap()).exit_code()
    }

    /// Closes the terminal under the program, as closing its window does.
    pub fn close(&mut self) {
        self.closing.store(true, Relaxed);
        // Makes the program draw, which wakes the reader; the terminal is closed when nobody holds it any more.
        let Terminal { master, keyboard, reader, .. } = self.terminal.take().expect("the terminal is open");
        let PtySize { rows, cols, .. } = master.get_size().unwrap();
        master.resize(size(cols - 1, rows)).unwrap();
        reader.join().unwrap();
        drop((master, keyboard));
    }

    /// Checks that the terminal is as it was before the program, with this text on it.
    #[track_caller]
    pub fn assert_restored(&mut self, with: &str) {
        self.wait_for(with);
        let parser = self.parser();
        let screen = parser.screen();
        assert!(!screen.alternate_screen(), "still on the alternate screen");
        assert!(!screen.hide_cursor(), "the cursor is still hidden");
        assert!(!screen.bracketed_paste(), "paste is still bracketed");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None, "the mouse is still caught");
        let terminal = self.terminal.as_ref().expect("the terminal is open");
        assert_eq!(settings(terminal.master.as_ref()), terminal.settings_before, "the line settings have changed");
    }

    fn parser(&self) -> MutexGuard<'_, vt100::Parser> {
        self.screen.lock().unwrap()
    }

    fn terminal(&mut self) -> &mut Terminal {
        self.terminal.as_mut().expect("the terminal is open")
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(cols: u16, rows: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

fn cells(n: u16) -> NonZero<u16> {
    NonZero::new(n).expect("a screen has cells")
}

/// The line settings, in a form that can be compared without naming their type.
fn settings(master: &(dyn MasterPty + Send)) -> String {
    format!("{:?}", master.get_termios().expect("a terminal has settings"))
}

fn read(mut from: Box<dyn Read + Send>, screen: &Mutex<vt100::Parser>, closing: &AtomicBool) {
    let mut piece = [0; 16 * 1024];
    while let Ok(n @ 1..) = from.read(&mut piece) {
        screen.lock().unwrap().process(&piece[..n]);
        if closing.load(Relaxed) {
            return;
        }
    }
}
