//! The JSON Schema and the reader of configs know the same keys and defaults.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

fn schema() -> Value {
    serde_json::from_str(SCHEMA).expect("the schema is JSON")
}

/// Where the schema describes the keys of a group.
fn pointer(group: &str) -> String {
    let group = group.trim_end_matches('.');
    match group {
        "" => "/properties".to_owned(),
        "access_log" => "/properties/access_log/oneOf/1/properties".to_owned(),
        "pools[0]" => "/$defs/pool/properties".to_owned(),
        "apps[0]" => "/$defs/app/properties".to_owned(),
        "pools[0].backends[0]" | "apps[0].instances[0]" => "/$defs/backend/properties".to_owned(),
        _ => match group.strip_prefix("pools[0].") {
            Some(group) => format!("/$defs/pool/properties/{group}/properties"),
            None => format!("/properties/{group}/properties"),
        },
    }
}

#[test]
fn it_knows_the_keys_of_every_group() {
    let apps = "apps: [{host: a, x: 1, instances: [{url: 'http://a:1', x: 1}]}]";
    let (schema, mut groups) = (schema(), 0);
    for problem in [UNKNOWN_KEYS, apps].into_iter().flat_map(problems) {
        let Some((path, keys)) = problem.split_once(": unknown key; allowed: ") else { continue };
        let group = path.rsplit("  ").next().unwrap().strip_suffix('x').unwrap();
        let described = schema.pointer(&pointer(group)).and_then(Value::as_object).expect(group);
        let described: BTreeSet<_> = described.keys().map(String::as_str).collect();
        assert_eq!(described, keys.split(", ").collect(), "{group}");
        groups += 1;
    }
    assert_eq!(groups, 16);
}

#[test]
fn its_defaults_are_those_of_the_sample() {
    fn compare(properties: &Value, sample: &Value, path: &str) -> usize {
        let described = properties.as_object().expect(path).iter();
        let compared = described.map(|(key, property)| match (property.get("default"), property.get("properties")) {
            _ if sample.get(key).is_none() => 0,
            (Some(default), _) => {
                assert_eq!(Some(default), sample.get(key), "{path}{key}");
                1
            }
            (None, Some(properties)) if sample[key].is_object() => compare(properties, &sample[key], &format!("{path}{key}.")),
            _ => 0,
        });
        compared.sum()
    }
    let (schema, sample) = (schema(), serde_yaml::from_str::<Value>(SAMPLE).unwrap());
    let top = compare(&schema["properties"], &sample, "");
    let pool = compare(&schema["$defs"]["pool"]["properties"], &sample["pools"][0], "pools[0].");
    assert_eq!((top, pool), (12, 27));
}
