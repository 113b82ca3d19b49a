//! What was delivered where, what disturbed it, and which of the clients' troubles that explains.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::asked::{Asked, Trouble};
use super::vice::{Cost, Vice};

/// How long after its end a disturbance may still be felt: connections that it broke have to be found out.
const AFTERMATH: Duration = Duration::from_millis(200);

/// Longer than any request takes.
const LONGEST: Duration = Duration::from_secs(30);

/// Something that concerns more than one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// A backend was dead.
    Death,
    /// The operator cut what was running.
    Cut,
    /// No backend was eligible.
    NobodyEligible,
    /// This process was held up.
    HeldUp,
}

/// The requests that have been delivered under one id.
struct Delivered {
    first: Instant,
    vices: Vec<Vice>,
}

struct Disturbed {
    by: Disturbance,
    from: Instant,
    /// `None` while it lasts.
    to: Option<Instant>,
}

/// See the module.
#[derive(Default)]
pub struct Account {
    ids: AtomicU64,
    delivered: Mutex<HashMap<u64, Delivered>>,
    disturbed: Mutex<Vec<Disturbed>>,
    /// Connections that were closed quietly and have not explained anything yet.
    quiet: AtomicU64,
    counts: Mutex<BTreeMap<String, u64>>,
    wrongs: Mutex<Vec<String>>,
}

impl Account {
    /// An id that nobody else has.
    pub fn new_id(&self) -> u64 {
        self.ids.fetch_add(1, Relaxed)
    }

    /// An upstream has received a request, and treats it so.
    pub fn delivered(&self, id: u64, method: &str, vice: Vice) {
        if vice.cost() == Cost::NextRequest {
            self.quiet.fetch_add(1, Relaxed);
        }
        let mut delivered = self.delivered.lock().unwrap();
        let entry = delivered.entry(id).or_insert_with(|| Delivered { first: Instant::now(), vices: Vec::new() });
        entry.vices.push(vice);
        if method == "POST" && entry.vices.len() > 1 {
            let vices = format!("{:?}", entry.vices);
            drop(delivered);
            self.wrong(format!("POST {id} was delivered more than once, to {vices}"));
        }
    }

    /// Counts something that is in order.
    pub fn count(&self, what: &str) {
        *self.counts.lock().unwrap().entry(what.to_owned()).or_default() += 1;
    }

    /// Something that must not be.
    pub fn wrong(&self, what: String) {
        self.wrongs.lock().unwrap().push(what);
    }

    /// A client had trouble with a request.
    pub fn trouble(&self, asked: Asked, trouble: &Trouble) {
        let vices = self.vices(asked.id);
        match self.explain(&vices, asked, trouble) {
            Some(explanation) => {
                let what = match trouble {
                    Trouble::Own { status, .. } => status.to_string(),
                    Trouble::Broken { begun: true, .. } => "broke off".to_owned(),
                    Trouble::Broken { begun: false, .. } => "no answer".to_owned(),
                    Trouble::Short => "short".to_owned(),
                };
                self.count(&format!("{what}: {explanation}"));
            }
            None => self.wrong(format!("{asked:?}, delivered to {vices:?}: {trouble:?} after {:?}", asked.since.elapsed())),
        }
    }

    fn explain(&self, vices: &[Vice], asked: Asked, trouble: &Trouble) -> Option<&'static str> {
        let costs = |cost: Cost| vices.iter().any(|vice| vice.cost() == cost);
        let during = |by| self.was_disturbed(by, asked.since);
        let too_late = || during(Disturbance::HeldUp).then_some("held up");
        let died = || during(Disturbance::Death).then_some("a backend died");
        match trouble {
            Trouble::Own { status: 503, text } => {
                // To HEAD it does not say why.
                let says = |words| text.is_empty() || text.contains(words);
                let cut = says("cut by the operator") && during(Disturbance::Cut);
                let nobody = says("no backend is eligible") && during(Disturbance::NobodyEligible);
                cut.then_some("cut").or(nobody.then_some("nobody eligible"))
            }
            Trouble::Own { status: 502 | 504, .. } if costs(Cost::Answer) || costs(Cost::Rest) => Some("a fault"),
            Trouble::Own { status: 502, text }
                if text.contains("broke the connection") && !asked.kind.may_be_sent_again(asked.id) =>
            {
                died().or_else(|| self.explain_by_a_quiet_end())
            }
            Trouble::Own { status: 502, .. } => died(),
            Trouble::Own { status: 504, .. } => died().or_else(too_late),
            // An answer that breaks at once may break before its head has left.
            Trouble::Broken { .. } if costs(Cost::Rest) => Some("a fault"),
            Trouble::Broken { begun: false, .. } if vices.is_empty() => None,
            Trouble::Broken { .. } => died().or_else(|| during(Disturbance::Cut).then_some("cut")).or_else(too_late),
            Trouble::Short => vices.contains(&Vice::SendsTooMuch).then_some("a fault"),
            Trouble::Own { .. } => None,
        }
    }

    /// A request may meet a connection that its upstream is closing just now; each such end explains one.
    fn explain_by_a_quiet_end(&self) -> Option<&'static str> {
        let taken = self.quiet.fetch_update(Relaxed, Relaxed, |quiet| quiet.checked_sub(1));
        taken.ok().map(|_| "the connection was closed under it")
    }

    /// Does something that disturbs as long as it lasts.
    pub fn disturbed(&self, by: Disturbance, act: impl FnOnce()) {
        let from = Instant::now();
        self.disturbed.lock().unwrap().push(Disturbed { by, from, to: None });
        act();
        let mut disturbed = self.disturbed.lock().unwrap();
        let entry = disturbed.iter_mut().find(|d| d.by == by && d.from == from).expect("it lasts until now");
        entry.to = Some(Instant::now());
    }

    /// Something disturbed from then until now.
    pub fn was_disturbing(&self, by: Disturbance, from: Instant) {
        self.disturbed.lock().unwrap().push(Disturbed { by, from, to: Some(Instant::now()) });
    }

    fn was_disturbed(&self, by: Disturbance, since: Instant) -> bool {
        self.disturbed.lock().unwrap().iter().any(|d| d.by == by && d.to.is_none_or(|to| to + AFTERMATH >= since))
    }

    /// Forgets what is so old that nothing can come of it any more.
    pub fn forget_the_old(&self) {
        self.delivered.lock().unwrap().retain(|_, delivered| delivered.first.elapsed() < LONGEST);
        self.disturbed.lock().unwrap().retain(|disturbed| disturbed.to.is_none_or(|to| to.elapsed() < LONGEST));
    }

    /// What was counted so far.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.lock().unwrap().clone()
    }

    /// What must not have been, so far.
    pub fn wrongs(&self) -> Vec<String> {
        self.wrongs.lock().unwrap().clone()
    }

    fn vices(&self, id: u64) -> Vec<Vice> {
        self.delivered.lock().unwrap().get(&id).map(|delivered| delivered.vices.clone()).unwrap_or_default()
    }
}

#[test]
fn trouble_is_explained_by_its_cause_only() {
    use super::asked::Kind;
    let account = Account::default();
    let own = |status, text: &str| Trouble::Own { status, text: text.to_owned() };
    let broken_off = |begun| Trouble::Broken { begun, error: String::new() };
    let since = Instant::now();
    let explained =
        |id: u64, kind, trouble: &Trouble| account.explain(&account.vices(id), Asked { id, kind, since }, trouble).is_some();
    for (id, vice) in [(1, Vice::ResetsBefore), (2, Vice::ResetsInBody), (3, Vice::None)] {
        account.delivered(id, "POST", vice);
    }
    assert_eq!([1, 2, 3].map(|id| explained(id, Kind::Get, &own(502, "unusable"))), [true, true, false]);
    assert_eq!([1, 2, 3].map(|id| explained(id, Kind::Get, &broken_off(true))), [false, true, false]);
    assert!(!explained(1, Kind::Get, &broken_off(false)) && !explained(1, Kind::Get, &own(500, "")));
    let broken = own(502, "the backend broke the connection");
    assert!(!explained(3, Kind::Post, &broken));
    account.delivered(4, "GET", Vice::LeavesQuietly);
    assert!(!explained(3, Kind::Get, &broken) && explained(3, Kind::Post, &broken), "a GET can be sent again");
    assert!(!explained(3, Kind::Post, &broken), "once");
    assert!(!explained(3, Kind::Get, &own(503, "cut by the operator")));
    account.disturbed(Disturbance::Cut, || {});
    assert!(explained(3, Kind::Get, &own(503, "cut by the operator")));
    assert!(account.wrongs().is_empty());
    account.delivered(1, "POST", Vice::None);
    assert_eq!(account.wrongs().len(), 1);
}
