//! How the dashboard looks: which colours, which glyphs, and when none.
//!
//! Text keeps the terminal's own colours; only states, bars and severities are coloured, and never by colour alone. What
//! is selected is reversed. `NO_COLOR` is obeyed here, by a theme without colours, so that bold and reverse survive.

mod glyphs;
mod palette;

use ratatui::style::{Color, Modifier, Style};

pub use self::glyphs::Glyphs;
use self::palette::{Hue, Palette};
use crate::event::Severity;

/// `--theme`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Look {
    /// By the terminal's background, as far as it tells.
    #[default]
    Auto,
    /// For a dark background.
    Dark,
    /// For a light background.
    Light,
    /// No colours: bold, dim, underlined and reversed only.
    Mono,
    /// More contrast, nothing dimmed.
    Contrast,
}

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Depth {
    /// By `NO_COLOR`, `TERM` and `COLORTERM`.
    #[default]
    Auto,
    /// No colours.
    Never,
    /// The terminal's 16 named colours.
    #[value(name = "16")]
    Named,
    /// The 256 colours of xterm.
    #[value(name = "256")]
    Indexed,
    /// 24 bits.
    True,
}

/// What the command line says about looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `--theme`.
    pub look: Look,
    /// `--color`.
    pub depth: Depth,
    /// `--ascii`.
    pub ascii: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Background {
    Dark,
    Light,
    Unknown,
}

/// Styles by meaning, and the glyphs to go with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    /// The characters to draw with.
    pub glyphs: &'static Glyphs,
    /// Serving.
    pub up: Style,
    /// Draining; anything worth a look.
    pub drain: Style,
    /// Failing; anything broken.
    pub fail: Style,
    /// Off, waiting, and whatever is of second rank.
    pub quiet: Style,
    /// Bars and curves.
    pub bar: Style,
    /// Headings, titles and keys.
    pub strong: Style,
    /// What is selected: the terminal's own colours reversed, as a coloured word on a reversed ground would be hard to read.
    pub selected: Style,
    /// Notices that must not be overlooked.
    pub badge: Style,
}

impl Theme {
    /// The theme for these options and this environment.
    pub fn resolve(options: &Options, env: impl Fn(&str) -> Option<String>) -> Self {
        let env = |name: &str| env(name).unwrap_or_default();
        let term = env("TERM");
        let depth = match options.depth {
            Depth::Auto if !env("NO_COLOR").is_empty() || term == "dumb" => Depth::Never,
            Depth::Auto if matches!(env("COLORTERM").as_str(), "truecolor" | "24bit") || term.ends_with("-direct") => Depth::True,
            Depth::Auto if term.contains("256color") => Depth::Indexed,
            Depth::Auto => Depth::Named,
            chosen => chosen,
        };
        let background = match options.look {
            Look::Dark => Background::Dark,
            Look::Light => Background::Light,
            _ => background(&env("COLORFGBG")),
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(env).into_iter().find(|value| !value.is_empty()).unwrap_or_default();
        let ascii = options.ascii || term == "linux" || term.starts_with("vt") || !is_utf8(&locale);
        Self::of(options.look, depth, background, if ascii { &glyphs::ASCII } else { &glyphs::UNICODE })
    }

    fn of(look: Look, depth: Depth, background: Background, glyphs: &'static Glyphs) -> Self {
        let contrast = look == Look::Contrast;
        let palette = match background {
            _ if look == Look::Mono || depth == Depth::Never => None,
            Background::Dark if contrast => Some(palette::CONTRAST_DARK),
            Background::Light if contrast => Some(palette::CONTRAST_LIGHT),
            // No colour has seven to one on black and on white.
            Background::Unknown if contrast => None,
            Background::Dark => Some(palette::DARK),
            Background::Light => Some(palette::LIGHT),
            Background::Unknown => Some(palette::UNKNOWN),
        };
        let coloured =
            |hue: fn(Palette) -> Hue| Style::new().fg(palette.map_or(Color::Reset, |palette| paint(hue(palette), depth)));
        let drain = coloured(|palette| palette.drain);
        Self {
            glyphs,
            up: coloured(|palette| palette.up),
            drain: match (palette, background) {
                (None, _) => drain.add_modifier(Modifier::UNDERLINED),
                (Some(_), Background::Unknown) => drain.add_modifier(Modifier::BOLD),
                (Some(_), _) => drain,
            },
            fail: coloured(|palette| palette.fail).add_modifier(Modifier::BOLD),
            quiet: if contrast { Style::new() } else { Style::new().add_modifier(Modifier::DIM) },
            bar: coloured(|palette| palette.bar),
            strong: Style::new().add_modifier(Modifier::BOLD),
            selected: Style::new()
                .fg(Color::Reset)
                .add_modifier(Modifier::REVERSED)
                .remove_modifier(Modifier::DIM.union(Modifier::UNDERLINED)),
            badge: Style::new().add_modifier(Modifier::REVERSED.union(Modifier::BOLD)),
        }
    }

    /// The style of an event's glyph.
    pub fn severity(&self, severity: Severity) -> Style {
        match severity {
            Severity::Info => self.quiet,
            Severity::Operator => self.strong,
            Severity::Warning => self.drain,
            Severity::Error => self.fail,
        }
    }

    /// An event's glyph.
    pub fn severity_glyph(&self, severity: Severity) -> char {
        match severity {
            Severity::Info => self.glyphs.nothing,
            Severity::Operator => self.glyphs.operator,
            Severity::Warning => '!',
            Severity::Error => self.glyphs.failing,
        }
    }

    /// Whether only ASCII may be printed.
    pub fn is_ascii(&self) -> bool {
        self.glyphs.ellipsis.is_ascii()
    }
}

impl Default for Theme {
    /// Without colours.
    fn default() -> Self {
        Self::of(Look::Mono, Depth::Never, Background::Unknown, &glyphs::UNICODE)
    }
}

/// The one gate through which every colour goes.
fn paint(hue: Hue, depth: Depth) -> Color {
    match depth {
        Depth::True => Color::Rgb(hue.rgb[0], hue.rgb[1], hue.rgb[2]),
        Depth::Indexed => Color::Indexed(hue.indexed),
        Depth::Named => hue.named,
        Depth::Never | Depth::Auto => Color::Reset,
    }
}

/// What `COLORFGBG` (`foreground;background`, set by rxvt, Konsole and others) says.
fn background(colorfgbg: &str) -> Background {
    match colorfgbg.rsplit(';').next().and_then(|background| background.parse::<u8>().ok()) {
        Some(0..=6 | 8) => Background::Dark,
        Some(7 | 9..=15) => Background::Light,
        _ => Background::Unknown,
    }
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(options: Options, env: &[(&str, &str)]) -> Theme {
        Theme::resolve(&options, |name| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    const UTF8: (&str, &str) = ("LANG", "en_US.UTF-8");

    #[test]
    fn depth_follows_the_environment() {
        let up = |env: &[(&str, &str)]| resolve(Options { look: Look::Dark, ..Options::default() }, env).up.fg;
        assert_eq!(up(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]), Some(Color::Rgb(0x56, 0xB4, 0xE9)));
        assert_eq!(up(&[("TERM", "xterm-256color")]), Some(Color::Indexed(74)));
        assert_eq!(up(&[("TERM", "xterm")]), Some(Color::Cyan));
        assert_eq!(up(&[("TERM", "xterm-direct")]), Some(Color::Rgb(0x56, 0xB4, 0xE9)));
        assert_eq!(up(&[("TERM", "dumb"), ("COLORTERM", "truecolor")]), Some(Color::Reset));
    }

    #[test]
    fn no_color_counts_only_when_not_empty_and_not_overruled() {
        let env = |no_color| [("TERM", "xterm-256color"), ("NO_COLOR", no_color)];
        let auto = Options { look: Look::Dark, ..Options::default() };
        assert_eq!(resolve(auto, &env("1")).up.fg, Some(Color::Reset));
        assert_eq!(resolve(auto, &env("")).up.fg, Some(Color::Indexed(74)));
        assert_eq!(resolve(Options { depth: Depth::Indexed, ..auto }, &env("1")).up.fg, Some(Color::Indexed(74)));
    }

    #[test]
    fn without_colours_states_and_selection_still_stand_out() {
        for options in [Options { depth: Depth::Never, ..Options::default() }, Options { look: Look::Mono, ..Options::default() }]
        {
            let theme = resolve(options, &[UTF8, ("COLORTERM", "truecolor")]);
            let styles = [theme.up, theme.drain, theme.fail, theme.quiet, theme.selected];
            assert!(styles.iter().all(|style| style.fg.unwrap_or_default() == Color::Reset && style.bg.is_none()));
            for (i, style) in styles.iter().enumerate() {
                assert!(!styles[i + 1..].iter().any(|other| other.add_modifier == style.add_modifier));
            }
        }
    }

    #[test]
    fn the_background_is_believed_when_told() {
        let fail = |colorfgbg| resolve(Options { depth: Depth::True, ..Options::default() }, &[("COLORFGBG", colorfgbg)]).drain;
        assert_eq!(fail("15;0").fg, Some(Color::Rgb(0xF0, 0xE4, 0x42)));
        assert_eq!(fail("0;default;15").fg, Some(Color::Rgb(0x87, 0x00, 0xD7)));
        assert_eq!(fail("").fg, Some(Color::Rgb(0xCC, 0x79, 0xA7)));
    }

    #[test]
    fn ascii_where_utf8_cannot_be_assumed() {
        let is_ascii = |env: &[(&str, &str)]| resolve(Options::default(), env).is_ascii();
        assert!(!is_ascii(&[UTF8, ("TERM", "xterm")]));
        assert!(is_ascii(&[("TERM", "xterm")]));
        assert!(is_ascii(&[UTF8, ("LC_ALL", "C")]));
        assert!(!is_ascii(&[("LANG", "C"), ("LC_CTYPE", "C.utf8")]));
        assert!(is_ascii(&[UTF8, ("TERM", "linux")]));
        assert!(is_ascii(&[UTF8, ("TERM", "vt220")]));
        assert!(resolve(Options { ascii: true, ..Options::default() }, &[UTF8]).is_ascii());
    }
}
