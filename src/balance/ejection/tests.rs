use super::*;

const SETTINGS: OutlierDetection =
    OutlierDetection { consecutive_failures: 3, base_ejection: 10_000, max_ejection: 25_000, max_ejected_percent: 50 };

/// What happens to the first of four backends.
#[derive(Clone, Copy, Debug)]
enum Step {
    Suspect(u32),
    Passed,
    Failed,
    Recovered,
    Due,
}
use Step::{Due, Failed, Passed, Recovered, Suspect};

const fn eject(until: Millis, for_ms: u64) -> Action {
    Action::Eject { until, for_ms }
}

fn play(script: &[(Millis, Step, Option<Action>)]) {
    let mut outliers = Outliers::new(SETTINGS, 4);
    for (now, step, want) in script {
        let got = match *step {
            Suspect(failures) => outliers.suspect(0, failures, 3, *now),
            Passed => outliers.tried(0, true, *now),
            Failed => outliers.tried(0, false, *now),
            Recovered => outliers.recovered(0, *now),
            Due => outliers.due(*now).next().map(|(_, action)| action),
        };
        assert_eq!(got, *want, "at {now}: {step:?}");
    }
}

#[test]
fn out_on_trial_and_back() {
    play(&[
        (1_000, Suspect(3), Some(eject(11_000, 10_000))),
        (10_999, Due, None),
        (11_000, Due, Some(Action::Try)),
        (11_001, Due, None),
        (11_500, Passed, Some(Action::Readmit)),
    ]);
}

#[test]
fn a_failed_trial_ejects_for_longer_up_to_the_limit() {
    play(&[
        (0, Suspect(3), Some(eject(10_000, 10_000))),
        (10_000, Due, Some(Action::Try)),
        (10_000, Failed, Some(eject(30_000, 20_000))),
        (30_000, Due, Some(Action::Try)),
        (30_000, Failed, Some(eject(55_000, 25_000))),
        (55_000, Due, Some(Action::Try)),
        (55_000, Failed, Some(eject(80_000, 25_000))),
    ]);
}

#[test]
fn clean_time_is_remembered_in_its_favour() {
    play(&[
        (0, Suspect(3), Some(eject(10_000, 10_000))),
        (10_000, Due, Some(Action::Try)),
        (10_000, Passed, Some(Action::Readmit)),
        (19_999, Suspect(3), Some(eject(39_999, 20_000))),
        (39_999, Due, Some(Action::Try)),
        (40_000, Passed, Some(Action::Readmit)),
        (50_000, Suspect(3), Some(eject(70_000, 20_000))),
        (70_000, Due, Some(Action::Try)),
        (70_000, Passed, Some(Action::Readmit)),
        (100_000, Suspect(3), Some(eject(110_000, 10_000))),
    ]);
}

#[test]
fn late_and_outdated_news_change_nothing() {
    play(&[
        (0, Suspect(2), None),
        (0, Passed, None),
        (0, Failed, None),
        (0, Recovered, None),
        (0, Suspect(3), Some(eject(10_000, 10_000))),
        (1, Suspect(4), None),
        (1, Passed, None),
        (10_000, Due, Some(Action::Try)),
        (10_000, Suspect(9), None),
    ]);
}

#[test]
fn recovering_clears_an_ejection_and_a_trial() {
    play(&[
        (0, Suspect(3), Some(eject(10_000, 10_000))),
        (5_000, Recovered, Some(Action::Readmit)),
        (10_000, Due, None),
        (90_000, Suspect(3), Some(eject(100_000, 10_000))),
        (100_000, Due, Some(Action::Try)),
        (100_000, Recovered, Some(Action::Readmit)),
        (100_001, Failed, None),
    ]);
}

#[test]
fn never_the_last_one() {
    let mut outliers = Outliers::new(SETTINGS, 4);
    assert_eq!(outliers.suspect(0, 3, 0, 0), None);
    assert!(outliers.suspect(0, 3, 1, 0).is_some());
}

#[test]
fn never_more_than_the_percentage_but_one_at_least() {
    for (percent, backends, most) in [(50, 4, 2), (50, 5, 2), (10, 5, 1), (100, 5, 5), (0, 5, 0)] {
        let mut outliers = Outliers::new(OutlierDetection { max_ejected_percent: percent, ..SETTINGS }, backends);
        let ejected = (0..backends).filter(|i| outliers.suspect(*i, 3, 9, 0).is_some()).count();
        assert_eq!(ejected, most, "{percent} % of {backends}");
    }
}

#[test]
fn tells_when_the_next_ejection_ends() {
    let mut outliers = Outliers::new(SETTINGS, 4);
    assert_eq!(outliers.next_due(), None);
    outliers.suspect(1, 3, 3, 500);
    outliers.suspect(2, 3, 2, 100);
    assert_eq!(outliers.next_due(), Some(10_100));
    assert_eq!(outliers.due(10_100).collect::<Vec<_>>(), [(2, Action::Try)]);
    assert_eq!(outliers.next_due(), Some(10_500));
}
