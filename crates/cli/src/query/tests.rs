//! The command line of `query`, and answers as tables and CSV.

use super::*;
use clap::{Args as _, FromArgMatches as _};

fn command() -> clap::Command {
    Arguments::augment_args(clap::Command::new("query"))
}

fn parse(arguments: &[&str]) -> Result<Arguments, clap::Error> {
    let matches = command().try_get_matches_from(std::iter::once(&"query").chain(arguments))?;
    Arguments::from_arg_matches(&matches)
}

#[test]
fn a_project_is_named_before_the_view_unless_a_server_is_asked() {
    let url = "http://127.0.0.1:4000";
    let server = url.parse().unwrap();
    let shop = Target::Project(Path::new("shop"));
    let asked = Target::Server(&server);
    for (arguments, target) in [
        (&["shop", "sales"][..], &shop),
        (&["shop", "--data", "d", "sales"], &shop),
        (&["--limit", "1", "shop", "sales", "--data", "d"], &shop),
        (&["sales", "--url", url], &asked),
        (&["--url", url, "sales"], &asked),
        (&["shop", "--url", url, "sales"], &asked),
    ] {
        let parsed = parse(arguments).unwrap();
        assert_eq!(parsed.target().unwrap(), (target.clone(), "sales"), "{arguments:?}");
    }
    for wrong in [
        &["--url", url][..],
        &["a", "b", "c"],
        &["shop", "sales", "--url", url, "--data", "d"],
        &["sales", "--url", "127.0.0.1:4000"],
    ] {
        assert!(parse(wrong).is_err(), "{wrong:?}");
    }
    let error = parse(&["sales"]).unwrap().target().unwrap_err();
    assert!(error.to_string().contains("anabranch query sales --url URL"), "{error}");
}

#[test]
fn options_become_the_parameters_of_the_api() {
    let arguments = parse(&[
        "shop",
        "sales",
        "--where",
        "site=a",
        "--where",
        "os is null",
        "--order-by",
        "-revenue",
        "--group-by",
        "",
        "--time-zone",
        "Europe/Paris",
        "--limit",
        "5",
    ])
    .unwrap();
    assert_eq!(
        arguments.parameters.pairs(),
        [
            ("where", "site=a"),
            ("where", "os is null"),
            ("group_by", ""),
            ("order_by", "-revenue"),
            ("limit", "5"),
            ("tz", "Europe/Paris"),
        ]
    );
}

#[test]
fn every_parameter_of_the_api_has_its_option() {
    let command = command();
    for (name, _) in anabranch_core::query::PARAMETERS {
        let option = name.replace('_', "-");
        let known = command.get_arguments().any(|a| a.get_long() == Some(option.as_str()));
        assert!(known, "--{option}");
    }
}

const ANSWER: &str = r#"{"receipt":{"view":"sales","fingerprint":"00","version":2,"horizon":9,
"horizon_time":"2026-03-01T00:00:00.000Z","newest_arrival_time":null,"accepted":1234,"rejected":1,
"complete":false,"incomplete_because":"an import is under way"},
"columns":[{"name":"site","type":"VARCHAR"},{"name":"revenue","type":"DECIMAL(38,2)"},
{"name":"cities","type":"FREQUENT_ITEMS"}],
"rows":[
{"site":"a \"b\"","revenue":123456789012345678901234567890.10,"cities":[{"value":"Rome","count":1200,"error":0}]},
{"site":null,"revenue":-0.50,"cities":[]}],
"truncated":true}"#;

fn written(format: Format) -> String {
    let mut out = Vec::new();
    Reply::read(ANSWER).unwrap().grid(format == Format::Table).write(format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn tables_and_csv_keep_every_digit() {
    let expected = "\
site                             revenue  cities
-----  ---------------------------------  ------------
a \"b\"  123456789012345678901234567890.10  Rome (1,200)
                                   -0.50
";
    assert_eq!(written(Format::Table), expected);
    let expected = "\
site,revenue,cities
\"a \"\"b\"\"\",123456789012345678901234567890.10,\"[{\"\"value\"\":\"\"Rome\"\",\"\"count\"\":1200,\"\"error\"\":0}]\"
,-0.50,[]
";
    assert_eq!(written(Format::Csv), expected);
}

#[test]
fn the_summary_says_what_the_answer_covers() {
    let reply = Reply::read(ANSWER).unwrap();
    assert_eq!(
        reply.summary(),
        "the first 2 rows (there are more) of sales, INCOMPLETE: batch version 2 up to \
         2026-03-01T00:00:00.000Z, nothing absorbed; 1,234 events accepted, 1 rejected"
    );
    assert_eq!(reply.incomplete_because(), Some("an import is under way"));
}

#[test]
fn a_name_stands_in_a_path_as_one_segment() {
    assert_eq!(path_segment("site_traffic-2"), "site_traffic-2");
    assert_eq!(path_segment("a/b?é"), "a%2Fb%3F%C3%A9");
}
