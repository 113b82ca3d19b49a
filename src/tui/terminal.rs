//! The terminal: taken once, given back exactly once, whatever happens in between.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use crossterm::event::{DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange};
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use crossterm::{cursor, execute, queue, style};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};
use rustix::event::{PollFd, PollFlags};

use crate::event::{Event, EventBus};

/// Whether the terminal is ours and has to be given back.
static TAKEN: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether this thread draws the dashboard.
    static DRAWS: Cell<bool> = const { Cell::new(false) };
}

/// Gives the terminal back: raw mode off, alternate screen left, cursor shown. Does nothing if it is not ours.
fn give_back() {
    if TAKEN.swap(false, SeqCst) {
        // A terminal that is gone cannot be given back; nobody is left to tell.
        let _ = disable_raw_mode();
        let _ = execute!(
            io::stdout(),
            EndSynchronizedUpdate,
            DisableFocusChange,
            DisableBracketedPaste,
            LeaveAlternateScreen,
            cursor::Show
        );
    }
}

/// Has panics reported without spoiling the screen. A panic of the dashboard itself gives the terminal back first; one of
/// any other thread becomes an event, and is printed only while no dashboard is on the screen.
pub fn install_panic_hook(bus: EventBus) {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        bus.publish(Event::Panicked { message: info.to_string() });
        if DRAWS.get() {
            give_back();
        }
        if !TAKEN.load(SeqCst) {
            print(info);
        }
    }));
}

/// Columns and rows. 80x24 for a terminal that does not know, such as a serial line.
pub(super) fn size() -> io::Result<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(io::stdout())?;
    Ok(if (size.ws_col, size.ws_row) == (0, 0) { (80, 24) } else { (size.ws_col, size.ws_row) })
}

/// The terminal while it is ours. Dropping it gives it back.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Buffered>>,
    frame: Rc<RefCell<Vec<u8>>>,
    tty: File,
}

impl Screen {
    /// Takes the terminal. From here on a panic on this thread gives it back.
    pub(super) fn take() -> io::Result<Self> {
        let tty = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let (columns, rows) = size()?;
        let frame = Rc::<RefCell<Vec<u8>>>::default();
        let viewport = Viewport::Fixed(Rect::new(0, 0, columns, rows));
        let backend = CrosstermBackend::new(Buffered(frame.clone()));
        let mut screen = Self { terminal: Terminal::with_options(backend, TerminalOptions { viewport })?, frame, tty };
        DRAWS.set(true);
        TAKEN.store(true, SeqCst);
        screen.set_up()?;
        Ok(screen)
    }

    fn set_up(&mut self) -> io::Result<()> {
        // The theme has decided on colours. crossterm's own NO_COLOR would also reset bold and reverse.
        style::force_color_output(true);
        enable_raw_mode()?;
        execute!(self.tty, EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange, cursor::Hide)
    }

    /// Draws one frame and writes it in one piece, so that no half of it is ever shown.
    pub(super) fn draw(&mut self, view: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(view)?;
        let frame = std::mem::take(&mut *self.frame.borrow_mut());
        let mut whole = Vec::with_capacity(frame.len() + 16);
        queue!(whole, BeginSynchronizedUpdate)?;
        whole.extend(frame);
        queue!(whole, EndSynchronizedUpdate)?;
        write_whole(&self.tty, &whole)
    }

    /// Sends a sequence that draws nothing.
    pub(super) fn say(&mut self, sequence: &str) -> io::Result<()> {
        write_whole(&self.tty, sequence.as_bytes())
    }

    /// Follows a change of size.
    pub(super) fn resize(&mut self, columns: u16, rows: u16) -> io::Result<()> {
        self.terminal.resize(Rect::new(0, 0, columns, rows))
    }

    /// Sets the terminal up anew, whatever has become of it, and has the next frame drawn in full.
    pub(super) fn renew(&mut self) -> io::Result<(u16, u16)> {
        disable_raw_mode()?;
        self.set_up()?;
        let (columns, rows) = size()?;
        self.resize(columns, rows)?;
        Ok((columns, rows))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
        DRAWS.set(false);
    }
}

/// Writes all of it, also when another program has made the terminal non-blocking.
fn write_whole(mut tty: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match tty.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                rustix::event::poll(&mut [PollFd::new(tty, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Collects what ratatui writes; [`Screen::draw`] decides when it goes out.
struct Buffered(Rc<RefCell<Vec<u8>>>);

impl Write for Buffered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
