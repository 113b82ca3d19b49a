//! Pictures of the dashboard at every size, and what must hold at any. `INSTA_UPDATE=always` redraws them; look at each.

mod anything;
mod sample;

use std::sync::Arc;

use insta::assert_snapshot;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::Color;

use super::*;
use crate::balance::backend::{BackendId, Mode};
use crate::balance::snapshot::{ConfigState, Override, Phase};
use crate::balance::strategy::StrategyKind;
use crate::command::Command;
use crate::event::Severity;
use crate::plan::{BackendPlan, Fate, KeyChange, Plan, PoolPlan};
use crate::tui::fixture;
use crate::tui::fleet::{Fleet, Link};
use crate::tui::guard;
use crate::tui::palette::Palette;
use crate::tui::reload::Preview;
use crate::tui::state::{Choice, Confirm, Filter, Frozen, Pending, Toast, TypeName};
use crate::tui::theme::{Depth, Look, Options};

fn render(state: &State, theme: &Theme, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test backend cannot fail");
    terminal.draw(|frame| draw(frame, state, theme)).expect("nor can drawing on it");
    terminal.backend().buffer().clone()
}

fn rows(buf: &Buffer) -> impl Iterator<Item = &[Cell]> {
    buf.content.chunks(usize::from(buf.area.width.max(1)))
}

/// The characters on the screen.
fn text(buf: &Buffer) -> String {
    rows(buf).map(|row| row.iter().map(Cell::symbol).collect::<String>().trim_end().to_owned() + "\n").collect()
}

/// The styles on the screen, `row:column-column foreground modifiers` for each run that is not plain.
fn styles(buf: &Buffer) -> String {
    let mut runs = Vec::new();
    for (y, row) in rows(buf).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| a.style() == b.style()) {
            let cell = &run[0];
            if cell.fg != Color::Reset || !cell.modifier.is_empty() {
                let modifiers = if cell.modifier.is_empty() { String::new() } else { format!(" {:?}", cell.modifier) };
                runs.push(format!("{y}:{x}-{} {}{modifiers}", x + run.len() - 1, cell.fg));
            }
            x += run.len();
        }
    }
    runs.join("\n")
}

fn picture(state: &State, width: u16, height: u16) -> String {
    text(&render(state, &Theme::default(), width, height))
}

fn dark() -> Theme {
    let options = Options { look: Look::Dark, depth: Depth::True, ascii: false };
    Theme::resolve(&options, |name| (name == "LANG").then(|| "C.UTF-8".to_owned()))
}

fn ascii() -> Theme {
    Theme::resolve(&Options { ascii: true, ..Options::default() }, |_| None)
}

fn with(overlay: Overlay) -> State {
    State { overlay, ..sample::state() }
}

#[test]
fn every_size() {
    let state = sample::state();
    for (width, height) in [(200, 50), (120, 36), (100, 30), (80, 24), (60, 16), (40, 12), (20, 5), (60, 4)] {
        assert_snapshot!(format!("{width}x{height}"), picture(&state, width, height));
    }
}

#[test]
fn every_size_in_ascii() {
    let state = sample::state();
    for (width, height) in [(120, 36), (80, 24), (40, 12)] {
        let picture = text(&render(&state, &ascii(), width, height));
        assert!(picture.is_ascii());
        assert_snapshot!(format!("{width}x{height}_ascii"), picture);
    }
}

#[test]
fn styles_at_every_size() {
    let state = sample::state();
    for (width, height) in [(120, 36), (80, 24), (40, 12)] {
        assert_snapshot!(format!("{width}x{height}_styles"), styles(&render(&state, &dark(), width, height)));
    }
}

#[test]
fn several_pools_and_the_other_panels() {
    let mut state = sample::state_of(vec![sample::pool(), sample::static_pool()]);
    assert_snapshot!("two_pools", picture(&state, 120, 36));
    (state.panel, state.lower) = (Panel::Throughput, Panel::Throughput);
    assert_snapshot!("throughput_tab", picture(&state, 80, 24));
    (state.panel, state.lower) = (Panel::Events, Panel::Events);
    state.events_at = Some(4);
    assert_snapshot!("events_tab", picture(&state, 80, 24));
    state.pool = Some("static".into());
    let mut live = (*state.live).clone();
    live.pools[1].backends[0].fair_share = [0.5; 3];
    state.live = live.into();
    assert_snapshot!("idle_pool", picture(&state, 120, 36));
}

#[test]
fn what_does_not_fit_is_counted() {
    let mut state = sample::state_of(vec![sample::large_pool()]);
    assert_snapshot!("large_pool", picture(&state, 120, 36));
    state.selected = Some(BackendId::new("web", "api-prod-eu-west-33"));
    assert_snapshot!("large_pool_below", picture(&state, 80, 24));
}

#[test]
fn notices() {
    let mut state = sample::state();
    state.frozen = Some(Frozen { snapshot: state.live.clone(), since: state.now - 12_000, seq: 7 });
    state.filter.text = "api-5".to_owned();
    state.sort.problems_first = true;
    state.read_only = true;
    state.dropped = 3;
    let command = Command::SetWeight { backend: BackendId::new("web", "api-5"), weight: Some(3) };
    state.pending.push(Pending { token: 1, to: 0, command, answered: None });
    let text = "web/api-5 draining, 31 in flight, others 20 -> 25 % (z undo)".to_owned();
    state.toast = Some(Toast { text, severity: Severity::Operator, until: u64::MAX });
    assert_snapshot!("notices", picture(&state, 120, 36));
    assert_snapshot!("notices_small", picture(&state, 80, 24));
    assert_snapshot!("notices_pocket", picture(&state, 40, 12));
    state.filter.editing = true;
    assert_snapshot!("typing_pocket", picture(&state, 40, 12));
}

#[test]
fn draining_and_typing() {
    let mut state = sample::state();
    let mut snapshot = (*state.live).clone();
    snapshot.phase = Phase::Draining;
    state.live = snapshot.into();
    state.drain_until = Some(state.now + 27_000);
    state.filter.text = "nobody".to_owned();
    state.filter.editing = true;
    assert_snapshot!("draining", picture(&state, 80, 24));
}

#[test]
fn before_the_first_snapshot() {
    assert_snapshot!("starting", picture(&State::default(), 80, 24));
}

#[test]
fn nobody_eligible() {
    let mut pool = sample::pool();
    pool.backends.retain(|backend| !backend.eligibility.is_eligible());
    assert_snapshot!("nobody_eligible", picture(&sample::state_of(vec![pool.clone()]), 120, 30));
    assert_snapshot!("one_pool_stuck", picture(&sample::state_of(vec![sample::static_pool(), pool]), 40, 12));
}

#[test]
fn help() {
    assert_snapshot!("help", picture(&with(Overlay::Help { scroll: 0 }), 120, 36));
    assert_snapshot!("help_scrolled", picture(&with(Overlay::Help { scroll: usize::MAX }), 80, 24));
    assert_snapshot!("help_pocket", picture(&with(Overlay::Help { scroll: 40 }), 40, 12));
}

#[test]
fn picker() {
    let state = with(Overlay::Picker { pool: "web".into(), strategy: StrategyKind::PowerOfTwo });
    assert_snapshot!("picker", picture(&state, 120, 36));
    assert_snapshot!("picker_pocket", picture(&state, 40, 12));
}

#[test]
fn details() {
    let backend = BackendId::new("web", "api-3");
    let state = |scroll| with(Overlay::Details { backend: backend.clone(), scroll });
    assert_snapshot!("details", picture(&state(0), 120, 36));
    assert_snapshot!("details_scrolled", picture(&state(12), 80, 24));
    assert_snapshot!("details_pocket", picture(&state(0), 40, 12));
    assert_snapshot!(
        "details_of_nobody",
        picture(&with(Overlay::Details { backend: BackendId::new("web", "gone"), scroll: 0 }), 80, 24)
    );
}

/// Somebody has been at work: a drain with a reason and an end, a weight, a strategy.
fn overridden() -> State {
    let mut state = sample::state_of(vec![sample::pool(), sample::static_pool()]);
    let mut live = (*state.live).clone();
    live.pools[1].strategy = StrategyKind::Random;
    let backends = &mut live.pools[0].backends;
    for backend in backends.iter_mut().filter(|backend| backend.mode != Mode::Up) {
        backend.mode_override = Some(Override {
            by: "cli:alice".to_owned(),
            at_unix_ms: sample::NOW - 300_000,
            reason: Some("deploy of 17".into()),
            until_unix_ms: Some(sample::NOW + 300_000),
        });
    }
    backends[1].weight = 5;
    backends[1].weight_override = Some(fixture::set_by("dashboard", None));
    state.live = live.into();
    state.selected = Some(BackendId::new("web", "api-5"));
    state
}

const SIZES: [(u16, u16); 3] = [(120, 36), (80, 24), (40, 12)];

fn pictures(name: &str, state: &State) {
    for (width, height) in SIZES {
        assert_snapshot!(format!("{name}_{width}x{height}"), picture(state, width, height));
    }
}

#[test]
fn overrides() {
    pictures("overridden", &overridden());
    pictures("overrides", &State { overlay: Overlay::Overrides { at: 1 }, ..overridden() });
    assert_snapshot!("no_overrides", picture(&State { overlay: Overlay::Overrides { at: 9 }, ..fixture::state(2) }, 80, 24));
}

#[test]
fn why() {
    for name in ["api-3", "api-5"] {
        let overlay = Overlay::Why { backend: BackendId::new("web", name), scroll: 0 };
        pictures(&format!("why_{name}"), &State { overlay, ..overridden() });
    }
}

#[test]
fn log() {
    let filter = |text: &str, editing| Filter { text: text.to_owned(), editing };
    pictures("log", &with(Overlay::Log { at: None, filter: Filter::default() }));
    pictures("log_filtered", &with(Overlay::Log { at: Some(4), filter: filter("api-5", true) }));
}

#[test]
fn palette() {
    let mut state = overridden();
    state.typed = vec!["drain web/api-3 for 10m because deploy".to_owned()];
    for (name, text, at) in [("empty", "", None), ("verb", "dr", Some(1)), ("backend", "drain web/api", None)] {
        state.overlay = Overlay::Palette(Palette { text: text.to_owned(), at });
        pictures(&format!("palette_{name}"), &state);
    }
}

#[test]
fn reload() {
    let mut state = overridden();
    let change = |key: &str, from: &str, to: &str| KeyChange { key: key.to_owned(), from: from.to_owned(), to: to.to_owned() };
    let backend = |name: &str, fate, in_flight| BackendPlan {
        name: name.into(),
        url: format!("http://10.0.4.1{in_flight}:8080"),
        fate,
        changes: if fate == Fate::Changed { vec![change("weight", "10", "20")] } else { Vec::new() },
        in_flight,
    };
    let backends = vec![backend("api-1", Fate::Changed, 0), backend("api-9", Fate::Added, 0), backend("api-5", Fate::Removed, 7)];
    let mut plan = Plan {
        pools: vec![PoolPlan { name: "web".into(), fate: Fate::Changed, changes: Vec::new(), backends }],
        needs_restart: vec![change("workers", "2", "4")],
        orphaned: vec!["web/api-5 drain".to_owned()],
        ..Plan::default()
    };
    state.overlay = Overlay::Reload(Preview { plans: vec![(0, Some(Ok(plan.clone())))], scroll: 0 });
    pictures("reload", &state);
    plan.needs_force = vec!["nobody in web would be eligible".to_owned()];
    let problem = "config.yaml:3:5  pools[0].backend: unknown key; did you mean backends?".to_owned();
    let mut state = fleet();
    let plans = vec![(0, Some(Ok(plan))), (1, Some(Err(problem.clone()))), (2, None)];
    state.overlay = Overlay::Reload(Preview { plans, scroll: 0 });
    pictures("reload_several", &state);
    let mut live = (*state.live).clone();
    live.config = Some(ConfigState { file: "config.yaml".to_owned(), loaded_at_unix_ms: 0, problem: Some(problem) });
    let state = State { live: live.into(), overlay: Overlay::Overrides { at: 0 }, ..overridden() };
    pictures("config_problem", &state);
}

#[test]
fn marks() {
    let mut state = sample::state();
    state.marked = [1, 3].map(|n| BackendId::new("web", &format!("api-{n}"))).into();
    pictures("marked", &state);
}

/// Attached to two instances that do not agree, of which a third is gone.
fn fleet() -> State {
    let mut state = sample::state();
    let now = state.now;
    state.fleet = Fleet::attached((1..=3).map(|n| Arc::from(format!("10.0.0.{n}:9900"))), now - 30_000);
    for (at, member) in state.fleet.members.iter_mut().enumerate() {
        let mut live = (*state.live).clone();
        let backend = &mut live.pools[0].backends[at];
        fixture::set_mode(backend, Mode::Drain);
        live.pools[0].backends[5 - at].weight += 1;
        (member.snapshot, member.link, member.seen_at) = (Some(live.into()), Link::Open, now);
    }
    let gone = &mut state.fleet.members[2];
    (gone.link, gone.seen_at) = (Link::Lost("connection refused".into()), now - 12_000);
    state.gather();
    state
}

#[test]
fn several_instances_are_one_table() {
    let mut state = fleet();
    pictures("fleet", &state);
    state.overlay = Overlay::Details { backend: BackendId::new("web", "api-1"), scroll: 0 };
    assert_snapshot!("fleet_details", picture(&state, 120, 36));
    state.overlay = Overlay::Why { backend: BackendId::new("web", "api-1"), scroll: 0 };
    assert_snapshot!("fleet_why", picture(&state, 120, 36));
    state.overlay = Overlay::None;
    state.fleet.alone = Some(1);
    state.gather();
    assert_snapshot!("fleet_one_alone", picture(&state, 120, 36));
    assert!(text(&render(&fleet(), &ascii(), 120, 36)).is_ascii());
}

#[test]
fn old_figures_are_told_to_be_old() {
    let mut state = fleet();
    state.fleet.members.truncate(1);
    state.fleet.members[0].link = Link::Lost("connection refused".into());
    state.fleet.members[0].seen_at = state.now - 12_000;
    state.gather();
    pictures("stale", &state);
    assert_snapshot!("stale_styles", styles(&render(&state, &dark(), 40, 12)));
    state.fleet.members[0].snapshot = None;
    state.gather();
    assert_snapshot!("no_answer", picture(&state, 80, 24));
}

#[test]
fn dialogs() {
    let backend = BackendId::new("web", "api-3");
    let command = Command::SetMode { backend: backend.clone(), mode: Mode::Down, cut: false, then_down: None };
    let state = sample::state();
    let impact = guard::judge(&state.worlds(), std::slice::from_ref(&command)).1.expect("a backend of the sample");
    let choices = vec![Choice::Cancel, Choice::Finish, Choice::Cut];
    let confirm = Confirm { wish: command.clone().into(), impact: impact.clone(), choices, focus: 0, armed_at: 0 };
    assert_snapshot!("confirm", picture(&with(Overlay::Confirm(confirm.clone())), 80, 24));
    assert_snapshot!("confirm_styles", styles(&render(&with(Overlay::Confirm(confirm.clone())), &dark(), 60, 16)));
    assert_snapshot!("confirm_pocket", picture(&with(Overlay::Confirm(confirm)), 40, 12));
    let typed = TypeName { wish: command.into(), impact, typed: "api".to_owned(), armed_at: 0 };
    assert_snapshot!("type_name", picture(&with(Overlay::TypeName(typed)), 80, 24));
    assert_snapshot!("quit", picture(&with(Overlay::Quit { armed_at: 0 }), 80, 24));
    assert_snapshot!("quit_line", picture(&with(Overlay::Quit { armed_at: 0 }), 20, 5));
}

#[test]
fn scrolling_ends_where_the_text_ends() {
    let mut state = with(Overlay::Help { scroll: 0 });
    for size in [(120, 36), (80, 24), (40, 12), (20, 5), (1, 1)] {
        state.size = size;
        let most = max_scroll(&state);
        let at = |scroll| picture(&State { size, ..with(Overlay::Help { scroll }) }, size.0, size.1);
        assert_eq!(at(most), at(most + 1), "{size:?}");
        assert!(most == 0 || at(most - 1) != at(most) || size.0 < 5, "{size:?}");
    }
    state.overlay = Overlay::None;
    assert_eq!(max_scroll(&state), 0);
}

/// Without colours, backends in different conditions must still read differently, at every size that shows rows.
#[test]
fn no_state_is_told_by_colour_alone() {
    let mut state = sample::state();
    state.selected = None;
    for (width, height) in [(200, 50), (120, 36), (80, 24), (40, 14)] {
        let picture = picture(&state, width, height);
        let row = |name: &str| {
            let line = picture.lines().find(|line| line.contains(name)).expect("a row for each");
            // Name, address and figures differ anyway; what tells the state is the rest.
            line.chars()
                .filter(|c| !c.is_ascii_digit())
                .collect::<String>()
                .replace(name, "")
                .chars()
                .take(20)
                .collect::<String>()
        };
        let told = ["api-1", "api-3", "api-5", "api-6", "api-8"].map(row);
        for (i, one) in told.iter().enumerate() {
            assert!(!told[i + 1..].contains(one), "{width}x{height}: {one:?}");
        }
        assert_ne!(row("api-6"), row("api-7"), "unhealthy and ejected");
    }
}
