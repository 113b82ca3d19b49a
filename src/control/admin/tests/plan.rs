use super::*;
use crate::plan::Plan;

const PLAN: &str = "/api/v1/plan";

fn config(weight: u32) -> String {
    format!(
        "listen: 127.0.0.1:0\nworkers: 1\npools:\n  - name: web\n    strategy: round_robin\n    health_check: null\n    \
         outlier_detection: null\n    backends:\n      - {{name: api-1, url: 'http://127.0.0.1:1', weight: {weight}}}\n      \
         - {{name: api-2, url: 'http://127.0.0.1:2'}}\n"
    )
}

/// What changes at the backends of the only pool.
fn changes(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let plan: Plan = serde_json::from_str(&answer.body).unwrap();
    let changes = plan.pools[0].backends.iter().flat_map(|backend| &backend.changes);
    changes.map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_config_in_the_body_is_compared_with_what_runs() {
    let admin = Admin::on_loopback().await;
    assert_eq!(changes(&admin.call("POST", PLAN, &[], &config(7)).await), ["weight 1 -> 7"]);
    assert_eq!(admin.pool.backends()[0].live.weight(), 1, "nothing has been done");
    let broken = admin.call("POST", PLAN, &[], "pools: []\nlisten: x\n").await;
    assert_eq!(broken.gist(), (400, "invalid_config".into()));
    let problems: Value = serde_json::from_str(&broken.body).unwrap();
    assert_eq!(problems["error"]["problems"].as_array().unwrap().len(), 2, "{problems}");
    let large = format!("# {}\n{}", "a".repeat(1 << 20), config(7));
    assert_eq!(admin.call("POST", PLAN, &[], &large).await.gist(), (413, "too_large".into()));
    assert_eq!(admin.call("POST", PLAN, &[], "").await.gist(), (400, "bad_request".into()), "there is no file");
}

#[tokio::test]
async fn without_a_body_the_file_is_compared() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, config(9)).unwrap();
    let admin = Admin::start_from(AdminListen::Tcp(LOOPBACK.parse().unwrap()), None, Some(file.path())).await;
    assert_eq!(changes(&admin.call("POST", PLAN, &[], "").await), ["weight 1 -> 9"]);
}
