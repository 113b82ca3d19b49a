//! Any state, any size: nothing panics, and nothing that commands a terminal is drawn.

use std::sync::Arc;

use proptest::prelude::*;

use super::{Panel, State, Theme, ascii, render, sample};
use crate::balance::backend::{BackendId, Eligibility, Mode, Verdict};
use crate::balance::snapshot::{BackendView, CheckResult, Override, PoolView, Second, Snapshot, Traffic};
use crate::balance::strategy::StrategyKind;
use crate::event::{Event, Severity, Stamped};
use crate::tui::fixture;
use crate::tui::fleet::{Fleet, Link};
use crate::tui::palette::Palette;
use crate::tui::reload::Preview;
use crate::tui::state::{Filter, Overlay, Toast};

/// Names that a config, or somebody behind one, might come up with.
fn name() -> impl Strategy<Value = Arc<str>> {
    prop_oneof![
        Just("api-1".into()),
        Just("\x1b]0;owned\x07\x1b[2J".into()),
        Just("up\u{202e}nwod\u{2066}".into()),
        Just("東京のサーバー🙂👨‍👩‍👧".into()),
        Just("e\u{301}\u{301}\u{301}\u{200b}\u{fe0f}".into()),
        Just("x".repeat(10_000).into()),
        Just("\r\n\u{9b}31m\t".into()),
        Just("".into()),
        prop::collection::vec(any::<char>(), 0..20).prop_map(|chars| chars.into_iter().collect::<String>().into()),
    ]
}

fn figure() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..1.0_f64, any::<f64>(), Just(f64::NAN), Just(f64::INFINITY)]
}

fn traffic() -> impl Strategy<Value = Traffic> {
    (any::<u32>(), any::<[u32; 5]>(), any::<u32>(), any::<Option<u64>>(), figure()).prop_map(
        |(requests, classes, errors, us, seconds)| {
            let requests = requests.into();
            Traffic {
                seconds,
                requests,
                classes: classes.map(u64::from),
                errors: errors.into(),
                p50_us: us,
                p90_us: us,
                p99_us: us,
                ..Traffic::default()
            }
        },
    )
}

fn eligibility() -> impl Strategy<Value = Eligibility> {
    use Eligibility as E;
    prop::sample::select(vec![
        E::Eligible,
        E::OnTrial,
        E::Draining,
        E::Down,
        E::NoWeight,
        E::Unhealthy,
        E::AwaitingFirstCheck,
        E::Ejected,
    ])
}

fn history() -> impl Strategy<Value = Vec<Second>> {
    let second = (any::<u32>(), any::<u32>()).prop_map(|(requests, us)| Second { requests, errors: 0, p50_us: us, p99_us: us });
    prop::collection::vec(second, 0..70)
}

fn backend() -> impl Strategy<Value = BackendView> {
    let words =
        (name(), name(), eligibility(), prop::sample::select(vec![Verdict::Unknown, Verdict::Healthy, Verdict::Unhealthy]));
    let figures = (any::<[u32; 6]>(), figure(), figure(), figure(), traffic(), history(), any::<Option<u64>>());
    (words, figures).prop_map(|((name, text, eligibility, health), (counts, share, fair, rps, traffic, history, ms))| {
        let [streak, rise, fall, weight, in_flight, cap] = counts;
        let check = CheckResult {
            at_unix_ms: ms.unwrap_or(0),
            passed: false,
            detail: text.to_string(),
            took_us: u64::from(streak),
            body: None,
        };
        BackendView {
            id: BackendId { pool: "web".into(), backend: name },
            url: format!("http://{text}"),
            mode: Mode::Up,
            mode_override: Some(fixture::set_by(&text, Some(&text))),
            weight_override: ms.map(|ms| Override { until_unix_ms: Some(ms), ..fixture::set_by(&text, None) }),
            health,
            streak,
            last_check_passed: streak % 2 == 0,
            checks: vec![check],
            rise,
            fall,
            eligibility,
            ejected_for_ms: ms,
            weight,
            in_flight,
            max_in_flight: Some(cap),
            rps,
            failures: vec![(text.to_string(), ms.unwrap_or(1))],
            share: [share; 3],
            fair_share: [fair; 3],
            windows: std::array::from_fn(|_| traffic.clone()),
            histogram: vec![(ms.unwrap_or(7), 3), (u64::from(fall), u64::MAX)],
            history,
            ..fixture::backend("web", "")
        }
    })
}

fn pool() -> impl Strategy<Value = PoolView> {
    let strategy = prop::sample::select(StrategyKind::ALL.to_vec());
    let backends =
        prop_oneof![4 => prop::collection::vec(backend(), 0..12), 1 => Just(vec![fixture::backend("web", "api-1"); 500])];
    (name(), strategy, backends, traffic(), history(), figure(), 0..1_000_000_000_u32).prop_map(
        |(name, strategy, backends, traffic, history, rps, n)| PoolView {
            strategy,
            rps,
            in_flight: n,
            queued: n,
            windows: std::array::from_fn(|_| traffic.clone()),
            history,
            backends,
            ..fixture::pool(&name, 0)
        },
    )
}

fn overlay() -> impl Strategy<Value = Overlay> {
    let backend = BackendId::new("web", "api-1");
    prop_oneof![
        Just(Overlay::None),
        any::<usize>().prop_map(|scroll| Overlay::Help { scroll }),
        Just(Overlay::Picker { pool: "web".into(), strategy: StrategyKind::IpHash }),
        any::<usize>().prop_map(move |scroll| Overlay::Details { backend: backend.clone(), scroll }),
        Just(Overlay::Quit { armed_at: 0 }),
        name().prop_map(|backend| Overlay::Why { backend: BackendId { pool: "web".into(), backend }, scroll: 0 }),
        any::<usize>().prop_map(|at| Overlay::Overrides { at }),
        (name(), any::<Option<u64>>(), any::<bool>())
            .prop_map(|(text, at, editing)| Overlay::Log { at, filter: Filter { text: text.to_string(), editing } }),
        name().prop_map(|text| Overlay::Reload(Preview { plans: vec![(0, Some(Err(text.to_string()))), (1, None)], scroll: 0 })),
        (name(), any::<Option<usize>>()).prop_map(|(text, at)| Overlay::Palette(Palette { text: text.to_string(), at })),
    ]
}

fn state() -> impl Strategy<Value = State> {
    let parts = (prop::collection::vec(pool(), 0..3), name(), 0_usize..3, overlay(), any::<u64>());
    (parts, any::<bool>(), prop::sample::select(Panel::ALL.to_vec())).prop_map(
        |((pools, word, window, overlay, at), typing, panel)| {
            let selected = pools.first().and_then(|pool| pool.backends.last()).map(|backend| backend.id.clone());
            let live = Snapshot { pools, at_unix_ms: at, uptime_ms: at, listen: vec![word.to_string()], ..Snapshot::default() };
            let mut state = State { live: Arc::new(live), selected, window, overlay, panel, now: at, ..sample::state() };
            if panel != Panel::Backends {
                state.lower = panel;
            }
            state.filter.editing = typing;
            if typing {
                state.filter.text = word.to_string();
            }
            state.typed = vec![word.to_string()];
            state.marked.extend(state.selected.clone());
            // Attached to none, to one that is gone, to two, or to two of which one is gone.
            state.fleet = Fleet::attached((0..at % 3).map(|_| word.clone()), at);
            for (nth, member) in state.fleet.members.iter_mut().enumerate() {
                member.snapshot = Some(Arc::clone(&state.live));
                let is_gone = typing && nth == 0;
                member.link = if is_gone { Link::Lost(word.clone()) } else { Link::Open };
            }
            if state.fleet.is_attached() {
                state.gather();
            }
            state.toast = Some(Toast { text: word.to_string(), severity: Severity::Error, until: u64::MAX });
            let event = Event::Note { text: word.to_string(), severity: Severity::Warning };
            state.events.push(0, &Stamped { seq: 99, at_unix_ms: at, event });
            state
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn is_drawn_without_harm(state in state(), width in 0_u16..=250, height in 0_u16..=80) {
        let state = State { size: (width, height), ..state };
        super::super::max_scroll(&state);
        for theme in [Theme::default(), ascii()] {
            let buf = render(&state, &theme, width, height);
            for cell in &buf.content {
                let symbol = cell.symbol();
                prop_assert!(!symbol.chars().any(char::is_control), "{symbol:?}");
                prop_assert!(crate::tui::safe::display_safe(symbol) == symbol, "{symbol:?}");
                prop_assert!(!theme.is_ascii() || symbol.is_ascii(), "{symbol:?}");
            }
        }
    }
}
