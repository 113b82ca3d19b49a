//! Which running instance is meant, and how to prove who asks.

use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::process::getuid;
use serde::Deserialize;

use super::Failure;
use crate::cli::Options;
use crate::client::{Address, Client, Token};
use crate::command::Origin;

/// Largest config file.
const LARGEST: u64 = 4 << 20;

/// A client for the instance that the options name: by its address, or by its config.
pub(super) fn client(options: &Options) -> Result<Client, Failure> {
    let mut clients = clients(options.admin.as_slice(), options, &Origin::Cli(user().into()))?;
    Ok(clients.remove(0))
}

/// Clients for a dashboard over instances at these addresses or, without any, over the one that the options name.
pub fn attached(addresses: &[Address], options: &Options) -> Result<Vec<Client>, Failure> {
    let addresses = if addresses.is_empty() { options.admin.as_slice() } else { addresses };
    clients(addresses, options, &Origin::Attach(user().into()))
}

/// A client for each address, once; without any, for the one that the config names.
fn clients(addresses: &[Address], options: &Options, origin: &Origin) -> Result<Vec<Client>, Failure> {
    let admin = if !addresses.is_empty() && options.token_file.is_some() {
        None
    } else {
        match of_config(options.config_file(), options.config.is_some()) {
            // Who names the address need not have a config at hand.
            Err(_) if !addresses.is_empty() => None,
            admin => admin.map_err(Failure::Usage)?,
        }
    };
    let configured = match &admin {
        None => Ok(Address::default()),
        Some(Admin { listen: Some(listen), .. }) => Address::of_listener(listen),
        // Somebody else may answer where an instance of another config would.
        Some(_) => Err(format!("missing, so nobody answers there; {INSTEAD}")),
    };
    let admin = admin.unwrap_or_default();
    let wrong = |error| Failure::Usage(format!("{}: admin.listen: {error}", options.config_file().display()));
    let addresses = if addresses.is_empty() { vec![configured.clone().map_err(wrong)?] } else { addresses.to_vec() };
    let mut clients: Vec<Client> = Vec::new();
    for address in addresses {
        if clients.iter().any(|client| *client.address() == address) {
            continue;
        }
        // A config that only happens to lie here must not give its token away to another instance.
        let is_meant = options.config.is_some() || configured.as_ref().is_ok_and(|configured| *configured == address);
        let token = options.token_file.as_ref().or(admin.token_file.as_ref().filter(|_| is_meant));
        let token = token.map(|path| Token::read(path)).transpose().map_err(Failure::Usage)?;
        clients.push(Client::new(address, origin.clone(), token));
    }
    Ok(clients)
}

/// What a config says of the admin API. The rest of the file may be wrong: operators are in the middle of editing when they
/// find that they need a verb.
#[derive(Debug, Default, Deserialize)]
struct Admin {
    listen: Option<String>,
    token_file: Option<PathBuf>,
}

const INSTEAD: &str = "--admin ADDR names the instance instead";

/// Reads it from a file; `None` if there is none and none was named.
fn of_config(path: &Path, named: bool) -> Result<Option<Admin>, String> {
    #[derive(Deserialize)]
    struct Config {
        admin: Option<Admin>,
    }
    if !named && !path.exists() {
        return Ok(None);
    }
    let text = read(path).map_err(|error| format!("{error}; {INSTEAD}"))?;
    let config: Result<Config, _> = serde_yaml::from_str(&text);
    Ok(Some(config.map_err(|error| format!("{}: {error}; {INSTEAD}", path.display()))?.admin.unwrap_or_default()))
}

/// The text of a config.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text));
    let wrong = |what: &str| Err(format!("{}: {what}", path.display()));
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => wrong("no such file"),
        Err(error) => wrong(&format!("cannot be read: {error}")),
        Ok(_) if text.len() as u64 > LARGEST => wrong("larger than 4 MiB; is this a config?"),
        Ok(_) => Ok(text),
    }
}

/// Whose hand is on the keyboard: behind `sudo`, it is not root's.
fn user() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| env::var(name).ok().filter(|who| is_name(who)));
    named.unwrap_or_else(|| format!("uid-{}", getuid().as_raw()))
}

fn is_name(who: &str) -> bool {
    (1..=Origin::MAX_NAME).contains(&who.len()) && who.chars().all(|c| c.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn target(args: &[&str]) -> Result<String, Failure> {
        let options = Cli::parse_from([&["evenkeel", "status"], args].concat()).options;
        client(&options).map(|client| client.address().to_string())
    }

    #[test]
    fn the_config_says_where_even_when_the_rest_of_it_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.yaml");
        let file = path.to_str().unwrap();
        for (yaml, want) in [
            ("admin: {listen: \"127.0.0.1:9911\"}\npools: nonsense\n", "127.0.0.1:9911"),
            ("admin: {listen: \"unix:/run/ek.sock\"}\n", "unix:/run/ek.sock"),
            ("admin: {listen: \"0.0.0.0:9912\"}\n", "127.0.0.1:9912"),
        ] {
            fs::write(&path, yaml).unwrap();
            assert_eq!(target(&["-c", file]), Ok(want.to_owned()), "{yaml}");
            assert_eq!(target(&["-c", file, "--admin", "10.0.0.1:1"]), Ok("10.0.0.1:1".to_owned()));
        }
        for yaml in ["admin: {listen: nowhere}", "a: [", "admin: 5", "admin: null", "pools: []"] {
            fs::write(&path, yaml).unwrap();
            let Err(Failure::Usage(said)) = target(&["-c", file]) else { panic!("{yaml}") };
            assert!(said.starts_with(file), "{said}");
            assert_eq!(target(&["-c", file, "--admin", "10.0.0.1:1"]), Ok("10.0.0.1:1".to_owned()));
        }
    }

    #[test]
    fn a_named_config_must_be_there_and_so_must_a_token() {
        let Err(Failure::Usage(said)) = target(&["-c", "/nowhere/c.yaml"]) else { panic!("a missing config") };
        assert_eq!(said, "/nowhere/c.yaml: no such file; --admin ADDR names the instance instead");
        let Err(Failure::Usage(said)) = target(&["--admin", "[::1]:9900", "--token-file", "/nowhere/token"]) else {
            panic!("a missing token")
        };
        assert_eq!(said, "the token file /nowhere/token does not exist");
    }
}
