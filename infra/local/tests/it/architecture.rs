//! Which modules may use which: no circles inside a crate, and no arrow of [`FORBIDDEN`].
//!
//! Reads the paths in the sources, without their tests. A re-export is no arrow of the module that has it: the arrow
//! of a module that uses the name leads to where it is defined. Neither is what a module takes from a parent, of which
//! it is a part.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The crates of the workspace with the folders of their sources.
const CRATES: [(&str, &str); 7] = [
    ("shared", "shared/src"),
    ("prefix_sums", "collector/prefix-sums/src"),
    ("s3_inventory", "collector/s3-inventory/src"),
    ("s3_listing", "collector/s3-listing/src"),
    ("collector", "collector/src"),
    ("api", "api/src"),
    ("local", "infra/local/src"),
];

/// An arrow that must not be. Arrows inside `from` are always allowed.
struct Forbidden {
    /// Modules with this path or below it.
    from: &'static str,
    /// What they must not use: modules, or crates that are not ours.
    to: &'static [&'static str],
    /// Modules that are exempt, on either end.
    except: &'static [&'static str],
    reason: &'static str,
}

const FORBIDDEN: [Forbidden; 9] = [
    Forbidden {
        from: "api::http",
        to: &["api", "shared::fleet", "shared::snapshot", "shared::store"],
        except: &[],
        reason: "HTTP is general: endpoints, routes, the fleet and the store are passed in",
    },
    Forbidden {
        from: "api",
        to: &["lambda_runtime"],
        except: &["api::lambda"],
        reason: "mrt serves the same endpoints without Lambda",
    },
    Forbidden {
        from: "collector",
        to: &["lambda_runtime"],
        except: &["collector::lambda"],
        reason: "mrt runs the same collectors without Lambda",
    },
    Forbidden {
        from: "api",
        to: &["collector"],
        except: &[],
        reason: "functions and collectors share the snapshot store and nothing else",
    },
    Forbidden {
        from: "shared",
        to: &["api", "collector", "s3_listing", "local"],
        except: &[],
        reason: "shared is the ground floor",
    },
    Forbidden {
        from: "shared::snapshot",
        to: &["shared::store"],
        except: &[],
        reason: "a snapshot does not depend on where it is stored",
    },
    Forbidden {
        from: "s3_listing",
        to: &["shared", "collector", "aws_*", "hyper", "tokio"],
        except: &[],
        reason: "the engine of listings does no I/O",
    },
    Forbidden {
        from: "api::constants::layers",
        to: &["api::constants::view", "api::constants::compare"],
        except: &[],
        reason: "what reads values shows none",
    },
    Forbidden {
        from: "api::constants::mask",
        to: &["api::constants::layers", "api::constants::view"],
        except: &[],
        reason: "masking is pure: names, types and texts in, a reason out",
    },
];

type Modules = BTreeMap<String, String>;
type Arrows = BTreeMap<String, BTreeSet<String>>;

/// Returns the source of each module by its path, without comments and tests.
fn modules() -> Modules {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut modules = Modules::new();
    for (name, folder) in CRATES {
        let folder = root.join(folder);
        let mut folders = vec![folder.clone()];
        while let Some(current) = folders.pop() {
            for entry in std::fs::read_dir(current).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let relative = path.strip_prefix(&folder).unwrap().with_extension("");
                    let parts = relative.iter().map(|part| part.to_str().unwrap());
                    let parts = parts.filter(|part| !["lib", "main"].contains(part));
                    let module = [name].into_iter().chain(parts).collect::<Vec<_>>();
                    let source = std::fs::read_to_string(&path).unwrap();
                    modules.insert(module.join("::"), code_of(&source));
                }
            }
        }
    }
    modules
}

/// Returns `source` without comment lines and without the tests at its end.
fn code_of(source: &str) -> String {
    let end = source.find("#[cfg(test)]\nmod tests {");
    let lines = source[..end.unwrap_or(source.len())].lines();
    let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// A path in a module's source.
struct Mention {
    /// Its segments from the name of a crate on.
    path: Vec<String>,
    /// Whether a `pub use` passes it on.
    is_re_export: bool,
}

/// Returns the paths in `source` that start at a crate, at a child module or relative to `module`.
fn mentions(module: &str, source: &str, modules: &Modules) -> Vec<Mention> {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    let mut mentions = Vec::new();
    for (separator, _) in source.match_indices("::") {
        let before = &source[..separator];
        let start = before.rfind(|character| !is_name(character));
        let start = start.map_or(0, |at| at + 1);
        let first = &before[start..];
        if before[..start].ends_with([':', '.']) || before[..start].ends_with("(in ") {
            continue;
        }
        let line = before[..start].rsplit('\n').next().unwrap().trim();
        let is_use = line.ends_with("use") || line.ends_with("use ");
        let own: Vec<&str> = module.split("::").collect();
        let base = match first {
            "crate" => vec![own[0]],
            "self" => own,
            "super" => own[..own.len() - 1].to_vec(),
            child if modules.contains_key(&format!("{module}::{child}")) => {
                [&own[..], &[child]].concat()
            }
            external if is_use || CRATES.iter().any(|(name, _)| *name == external) => {
                vec![external]
            }
            _ => continue,
        };
        let base = base.into_iter().map(str::to_owned).collect();
        let mut paths = Vec::new();
        expand(&source[separator + 2..], base, &mut paths);
        mentions.extend(paths.into_iter().map(|path| Mention {
            path,
            is_re_export: is_use && line.starts_with("pub"),
        }));
    }
    mentions
}

/// Adds the paths that `text` continues `base` with, braces expanded, and returns the text behind them.
fn expand<'t>(text: &'t str, mut base: Vec<String>, paths: &mut Vec<Vec<String>>) -> &'t str {
    let mut rest = text.trim_start();
    if let Some(list) = rest.strip_prefix('{') {
        rest = list.trim_start();
        while !rest.is_empty() && !rest.starts_with('}') {
            rest = expand(rest, base.clone(), paths);
            let next = rest.find([',', '}']).unwrap_or(rest.len());
            rest = rest[next..].trim_start_matches(',').trim_start();
        }
        return rest.strip_prefix('}').unwrap_or(rest);
    }
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    let end = rest.find(|character| !is_name(character));
    let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
    match name {
        "" | "self" => {}
        "super" => drop(base.pop()),
        name => base.push(name.to_owned()),
    }
    match after.strip_prefix("::") {
        Some(more) if !more.starts_with('<') && !name.is_empty() => expand(more, base, paths),
        _ => {
            paths.push(base);
            after
        }
    }
}

/// Returns the modules that each module uses, and crates that are not ours.
fn arrows(modules: &Modules) -> Arrows {
    let mentions: BTreeMap<&String, Vec<Mention>> = modules
        .iter()
        .map(|(module, source)| (module, mentions(module, source, modules)))
        .collect();
    let mut re_exports: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (module, mentions) in &mentions {
        for mention in mentions.iter().filter(|mention| mention.is_re_export) {
            let name = mention.path.last().unwrap().clone();
            re_exports.insert(((*module).clone(), name), mention.path.clone());
        }
    }
    let resolve = |path: &[String]| {
        let mut path = path.to_vec();
        let mut module = path.remove(0);
        // A chain of re-exports is short; the bound keeps one of itself from being followed for ever.
        let mut steps = 0;
        while !path.is_empty() && modules.contains_key(&module) && steps < 50 {
            steps += 1;
            let name = path.remove(0);
            let child = format!("{module}::{name}");
            if modules.contains_key(&child) {
                module = child;
            } else if let Some(target) = re_exports.get(&(module.clone(), name)) {
                path = [&target[1..], &path[..]].concat();
                module = target[0].clone();
            } else {
                break;
            }
        }
        module
    };
    let mut arrows = Arrows::new();
    for (module, mentions) in mentions {
        let used = mentions.iter().filter(|mention| !mention.is_re_export);
        let used = used.map(|mention| resolve(&mention.path));
        let used = used.filter(|used| !is_below(module, used));
        arrows.insert(module.clone(), used.collect());
    }
    arrows
}

/// Returns everything that can be reached from `start`.
fn reachable<'a>(arrows: &'a Arrows, start: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = vec![start];
    while let Some(module) = open.pop() {
        for next in arrows.get(module).into_iter().flatten() {
            if found.insert(next.as_str()) {
                open.push(next);
            }
        }
    }
    found
}

fn circles(arrows: &Arrows) -> BTreeSet<Vec<&str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = arrows
        .keys()
        .map(|module| (module.as_str(), reachable(arrows, module)))
        .collect();
    let in_circle = reached.iter().filter(|(module, all)| all.contains(*module));
    let circles = in_circle.map(|(module, all)| {
        let mutual = all.iter().filter(|other| {
            let back = reached.get(*other);
            back.is_some_and(|back| back.contains(module))
        });
        mutual.copied().collect()
    });
    circles.collect()
}

fn is_below(module: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => module.starts_with(start),
        None => module == pattern || module.starts_with(&format!("{pattern}::")),
    }
}

#[test]
fn no_modules_use_each_other_in_a_circle() {
    let arrows = arrows(&modules());

    let circles = circles(&arrows);
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn no_module_uses_what_it_must_not() {
    let arrows = arrows(&modules());
    assert!(
        arrows["api::bucket_size"].contains("api::http::answer"),
        "{arrows:?}"
    );

    let mut broken = Vec::new();
    for rule in &FORBIDDEN {
        let is_exempt = |module: &str| rule.except.iter().any(|path| is_below(module, path));
        for (from, used) in arrows.iter().filter(|(from, _)| is_below(from, rule.from)) {
            let forbidden = used.iter().filter(|to| {
                rule.to.iter().any(|path| is_below(to, path))
                    && !is_below(to, rule.from)
                    && !is_exempt(from)
                    && !is_exempt(to)
            });
            broken.extend(forbidden.map(|to| format!("{from} -> {to}: {}", rule.reason)));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn paths_are_found_in_uses_and_in_code() {
    let source = "use crate::a::{self, b::C, d};\npub use child::Thing;\nfn f() { super::g::h() }\nuse aws_sdk_s3::Client;\n";
    let modules = [("x::m::child", ""), ("x::m", source)];
    let modules = modules.map(|(name, source)| (name.to_owned(), source.to_owned()));

    let found = mentions("x::m", source, &Modules::from(modules));

    let found: Vec<_> = found
        .iter()
        .map(|mention| (mention.path.join("::"), mention.is_re_export))
        .collect();
    let expected = [
        ("x::a", false),
        ("x::a::b::C", false),
        ("x::a::d", false),
        ("x::m::child::Thing", true),
        ("x::g::h", false),
        ("aws_sdk_s3::Client", false),
    ];
    assert_eq!(found, expected.map(|(path, is)| (path.to_owned(), is)));
}

/// A second version of a patched crate would be linked beside the patch, and do what the patch is to prevent.
#[test]
fn exactly_one_version_of_each_patched_crate_is_linked_and_it_is_ours() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let lock = std::fs::read_to_string(root.join("Cargo.lock")).unwrap();
    let patches = manifest.split("[patch.crates-io]\n").nth(1).unwrap();
    let patches = patches.lines().take_while(|line| !line.starts_with('['));
    let patched: Vec<&str> = patches
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .collect();
    assert!(patched.len() >= 3, "{patched:?}");
    for name in patched {
        let named = format!("name = \"{name}\"\n");
        let found: Vec<&str> = lock
            .split("[[package]]\n")
            .filter(|package| package.starts_with(&named))
            .collect();
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert!(!found[0].contains("source = "), "{name} is not the patch");
        assert!(
            found[0].contains("+mrt\"\n"),
            "{name} has the version of the original: {}",
            found[0]
        );
    }
    assert!(
        !lock.contains("[[patch.unused]]"),
        "a patch fits no dependency"
    );
}
