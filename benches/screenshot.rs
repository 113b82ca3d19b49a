//! Draws `assets/dashboard.svg`: runs `evenkeel demo` in a terminal of 120x36 for a while, as a user would, and paints what
//! that terminal shows. `cargo bench --bench screenshot`.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use vt100::{Cell, Color};

const COLUMNS: NonZeroU16 = NonZeroU16::new(120).expect("not zero");
const ROWS: NonZeroU16 = NonZeroU16::new(36).expect("not zero");
const CELL_WIDTH: f32 = 8.4;
const CELL_HEIGHT: f32 = 16.5;
const BACKGROUND: &str = "#11151a";
const FOREGROUND: &str = "#d5dbe3";

/// How long the demo runs before the picture is taken: its graphs span a minute.
const RUN: Duration = Duration::from_secs(75);

/// Keys pressed on the way, with the second they are pressed at.
const KEYS: [(u64, &[u8]); 3] = [(40, b"j"), (41, b"d"), (60, b"u")];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pair = native_pty_system().openpty(PtySize { rows: ROWS.get(), cols: COLUMNS.get(), pixel_width: 0, pixel_height: 0 })?;
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_evenkeel"));
    command.args(["--theme", "dark", "--color", "true", "demo"]);
    command.env("TERM", "xterm-256color");
    command.env("LANG", "C.UTF-8");
    command.env("TZ", "UTC");
    let mut demo = pair.slave.spawn_command(command)?;
    drop(pair.slave);

    let mut keys = pair.master.take_writer()?;
    let mut reader = pair.master.try_clone_reader()?;
    let (sender, output) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = reader.read(&mut buffer) {
            if sender.send(buffer[..n].to_vec()).is_err() {
                break;
            }
        }
    });

    let mut terminal = vt100::Parser::new(ROWS, COLUMNS, 0);
    let start = Instant::now();
    let mut pressed = 0;
    while start.elapsed() < RUN {
        if let Ok(bytes) = output.recv_timeout(Duration::from_millis(100)) {
            terminal.process(&bytes);
        }
        if let Some((_, key)) = KEYS.get(pressed).filter(|(second, _)| start.elapsed().as_secs() >= *second) {
            keys.write_all(key)?;
            pressed += 1;
        }
    }
    let svg = paint(terminal.screen());
    // Ctrl-C twice: drain, then leave at once.
    keys.write_all(b"\x03")?;
    std::thread::sleep(Duration::from_millis(200));
    keys.write_all(b"\x03")?;
    demo.wait()?;

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/dashboard.svg");
    std::fs::write(path, svg)?;
    Ok(())
}

/// The screen as an SVG: a rectangle per run of one background, a text per run of one style.
fn paint(screen: &vt100::Screen) -> String {
    let (width, height) = (f32::from(COLUMNS.get()) * CELL_WIDTH + 24.0, f32::from(ROWS.get()) * CELL_HEIGHT + 24.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-size=\"14\" \
         font-family=\"'DejaVu Sans Mono','Liberation Mono',Menlo,Consolas,monospace\" role=\"img\" \
         aria-label=\"The evenkeel dashboard\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n"
    );
    for row in 0..ROWS.get() {
        let y = 12.0 + f32::from(row) * CELL_HEIGHT;
        let mut column = 0;
        while column < COLUMNS.get() {
            let Some(first) = screen.cell(row, column) else { break };
            let start = column;
            let mut text = String::new();
            while let Some(cell) = screen.cell(row, column).filter(|cell| style(cell) == style(first)) {
                text.push_str(if cell.has_contents() { cell.contents() } else { " " });
                column += 1;
            }
            run(&mut svg, first, &text, start, column - start, y);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn run(svg: &mut String, cell: &Cell, text: &str, column: u16, columns: u16, y: f32) {
    let (fg, bg) = style(cell).0;
    let x = 12.0 + f32::from(column) * CELL_WIDTH;
    let width = f32::from(columns) * CELL_WIDTH;
    if bg != BACKGROUND {
        let _ = writeln!(svg, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{CELL_HEIGHT}\" fill=\"{bg}\"/>");
    }
    if text.trim().is_empty() {
        return;
    }
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let weight = if cell.bold() { " font-weight=\"bold\"" } else { "" };
    let slant = if cell.italic() { " font-style=\"italic\"" } else { "" };
    let opacity = if cell.dim() { " opacity=\"0.6\"" } else { "" };
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"{fg}\" xml:space=\"preserve\" textLength=\"{width:.1}\" \
         lengthAdjust=\"spacingAndGlyphs\"{weight}{slant}{opacity}>{escaped}</text>",
        y + 12.6
    );
}

/// Foreground, background, and what else tells two runs apart.
fn style(cell: &Cell) -> ((String, String), [bool; 3]) {
    let fg = color(cell.fgcolor(), FOREGROUND);
    let bg = color(cell.bgcolor(), BACKGROUND);
    let colors = if cell.inverse() { (bg, fg) } else { (fg, bg) };
    (colors, [cell.bold(), cell.italic(), cell.dim()])
}

fn color(color: Color, default: &str) -> String {
    const NAMED: [&str; 16] = [
        "#20262d", "#d55e00", "#2aa876", "#e0af3a", "#3b8edb", "#b07cc6", "#3fb1c5", "#c8d0d9", "#5a6572", "#ff7a2b", "#4cd19a",
        "#f0e442", "#6ab0f3", "#cc99e0", "#6fd3e3", "#ffffff",
    ];
    match color {
        Color::Default => default.to_owned(),
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        Color::Idx(n @ 0..16) => NAMED[usize::from(n)].to_owned(),
        Color::Idx(n @ 16..232) => {
            let level = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
            let n = n - 16;
            format!("#{:02x}{:02x}{:02x}", level(n / 36), level(n / 6 % 6), level(n % 6))
        }
        Color::Idx(n) => {
            let grey = 8 + 10 * (n - 232);
            format!("#{grey:02x}{grey:02x}{grey:02x}")
        }
    }
}
