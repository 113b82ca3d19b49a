//! Upstreams that are faulty at random.

use std::sync::{Arc, Mutex};

use super::account::Account;
use super::chance::Chance;
use super::content::{Content, Of};
use super::vice::{Cost, Vice};
use crate::support::http::Head;
use crate::support::script::{Script, Witness, ok};
use crate::support::upstream::{Request, Upstream, upstream};

/// A backend that treats so many of a thousand requests badly, and enters all of them in the account.
pub fn faulty(account: &Arc<Account>, chance: Chance, per_mille: u64) -> Upstream {
    let upstream = upstream(ok("only for checks"));
    let (account, chance) = (Arc::clone(account), Mutex::new(chance));
    upstream.improvises(move |head| {
        let mut chance = chance.lock().unwrap();
        treat(head, &account, &mut chance, per_mille)
    });
    upstream
}

fn treat(head: &Head, account: &Arc<Account>, chance: &mut Chance, per_mille: u64) -> Script {
    // Health checks have no id.
    let Some(id) = head.get("x-id").and_then(|id| id.parse().ok()) else { return ok("well") };
    let method = head.start_line().split(' ').next().unwrap_or_default();
    let len = if method == "HEAD" { 0 } else { Content::new(Of::Answer, id).len() };
    let mut vice = if chance.per_mille(per_mille) { *chance.one_of(&Vice::ALL) } else { Vice::None };
    // Without a body there is no rest. And what comes too late to be seen before the next request is sent cannot be told from
    // the next answer: nobody could keep those apart.
    if vice.cost() == Cost::Rest && len == 0 || matches!(vice, Vice::SendsTooMuch | Vice::AnswersTwice) && len > 3_000 {
        vice = Vice::None;
    }
    account.delivered(id, method, vice);
    let witness = {
        let account = Arc::clone(account);
        Witness::new(move |request| judge(request, id, &account))
    };
    vice.script(id, method == "HEAD", witness, chance)
}

/// Whether a request's body is what the client sent.
fn judge(request: &Request, id: u64, account: &Account) {
    let content = Content::new(Of::Request, id);
    let wanted = if request.head.has("content-length") || request.head.has("transfer-encoding") { content.len() } else { 0 };
    if request.body.len() != wanted || !content.has(0, &request.body) {
        let got = request.body.len();
        account
            .wrong(format!("the body of request {id} arrived as {got} bytes that are not its {wanted}:\n{}", request.head.text));
    }
}
