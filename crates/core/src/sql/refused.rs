//! What SQL has and a view cannot have, and what to write instead.
//!
//! A view keeps mergeable, deterministic state. Whatever needs all events at once, their order, a
//! clock or a die is refused by name, so that nobody has to guess why it is missing.

use sqlparser::ast::Expr;

type Refusal = (String, &'static str);

/// Why the function `name` (in lower case) is refused, if it is known for what it is.
pub(super) fn function(name: &str) -> Option<Refusal> {
    let help = match name {
        "now" | "current_timestamp" | "current_date" | "current_time" | "localtime"
        | "localtimestamp" | "random" | "rand" | "uuid" | "shuffle" => {
            let message = format!("{name} gives another value at every call");
            return Some((
                message,
                "use the event's own time and values: batch and speed fold \
                                   the same event at different moments",
            ));
        }
        "median" | "percentile" | "percentile_cont" | "percentile_disc" | "quantile"
        | "approx_quantile" | "quantile_cont" | "quantile_disc" | "qdigest_agg" | "tdigest_agg" => {
            "use approx_percentile(x, 0.5)"
        }
        "array_agg" | "listagg" | "string_agg" | "group_concat" | "collect_list" => {
            "keep one value with min_by(x, y) or max_by(x, y), or the frequent ones with \
             approx_most_frequent(buckets, value, capacity)"
        }
        "collect_set" | "set_agg" | "map_agg" | "multimap_agg" | "histogram" | "map_union"
        | "set_union" | "mode" => {
            "use approx_most_frequent(buckets, value, capacity), or make the value a key"
        }
        "first_value" | "first" => "use min_by(x, event_time)",
        "last_value" | "last" => "use max_by(x, event_time)",
        "any_value" | "arbitrary" => "use min(x) or max(x)",
        "nth_value" | "row_number" | "rank" | "dense_rank" | "percent_rank" | "cume_dist"
        | "ntile" | "lag" | "lead" => {
            "a window function looks at neighbouring rows; do that when you query the view"
        }
        "approx_count_distinct" | "approx_set" | "ndv" | "uniq" | "count_distinct" => {
            "use approx_distinct(x)"
        }
        "sum_if" | "sumif" => "use sum(x) FILTER (WHERE condition)",
        "avg_if" | "avgif" => "use avg(x) FILTER (WHERE condition)",
        "countif" => "use count_if(condition)",
        "argmin" | "arg_min" => "use min_by(x, y)",
        "argmax" | "arg_max" => "use max_by(x, y)",
        "corr" | "covar_pop" | "covar_samp" | "regr_slope" | "regr_intercept" | "skewness"
        | "kurtosis" | "geometric_mean" | "entropy" => {
            "compute it when you query from sums: sum(x), sum(y), sum(x * y), sum(x * x), count(x)"
        }
        "nvl" | "ifnull" | "isnull" => "use coalesce(x, y)",
        "len" | "char_length" | "character_length" => "use length(x)",
        "instr" | "charindex" => "use strpos(text, part)",
        "ucase" => "use upper(x)",
        "lcase" => "use lower(x)",
        "time_bucket" | "datetrunc" | "date_floor" => {
            "use date_trunc('minute', ts) or date_bin(INTERVAL '5' MINUTE, ts)"
        }
        "dayofweek" => "use day_of_week(ts)",
        "dayofyear" => "use day_of_year(ts)",
        "to_timestamp" | "from_iso8601_timestamp" | "date_parse" | "parse_datetime" => {
            "use CAST(x AS TIMESTAMP(3)), or from_unixtime(seconds)"
        }
        "date_format" | "format_datetime" => "use year(ts), month(ts), day(ts), hour(ts)",
        "date_diff" | "datediff" | "date_add" | "dateadd" => {
            "use to_unixtime(ts), seconds as a DOUBLE"
        }
        "log" | "log2" => "use ln(x) or log10(x), divided by that of the base",
        "regexp_like" | "regexp_extract" | "regexp_replace" | "regexp_count" => {
            "use LIKE, split_part, strpos or replace"
        }
        "json_extract" | "json_extract_scalar" | "json_value" | "json_query" => {
            "declare the field in schema.sql, as a column or in a STRUCT"
        }
        _ => return None,
    };
    Some((format!("there is no function `{name}`"), help))
}

/// Why an expression is refused that is neither an operator nor a function of ours.
pub(super) fn syntax(written: &Expr) -> Refusal {
    let (message, help) = match written {
        Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => (
            "a view cannot hold a subquery",
            "a view sees one event at a time; list the values: x IN ('a', 'b')",
        ),
        Expr::AnyOp { .. } | Expr::AllOp { .. } => {
            ("ANY and ALL compare with a subquery", "list the values: x IN ('a', 'b')")
        }
        Expr::Interval(_) => (
            "an INTERVAL is only the first argument of date_bin",
            "compare seconds: to_unixtime(a) - to_unixtime(b) > 300",
        ),
        Expr::AtTimeZone { .. } => (
            "there is no AT TIME ZONE",
            "buckets are in UTC; give a time zone when you query the view",
        ),
        Expr::ILike { .. } => ("there is no operator ILIKE", "write lower(x) LIKE 'pattern'"),
        Expr::SimilarTo { .. } | Expr::RLike { .. } | Expr::Like { .. } => {
            ("there is no such form of LIKE", "write x LIKE 'pattern', with % and _")
        }
        Expr::Trim { .. } => (
            "trim takes neither characters nor a side",
            "trim(x), ltrim(x) and rtrim(x) remove white space",
        ),
        Expr::Ceil { .. } | Expr::Floor { .. } => {
            ("ceil and floor take no unit or scale", "write ceil(x), floor(x) or round(x, digits)")
        }
        Expr::Substring { .. } => {
            ("there is no such form of substring", "write substr(x, start, length)")
        }
        Expr::Array(_) => (
            "there are no arrays",
            "write one measure per value; measures of the same argument share one state",
        ),
        Expr::Tuple(_) | Expr::Struct { .. } => {
            ("a row is not a value", "write one expression per value")
        }
        Expr::Collate { .. } => ("there is no COLLATE", "texts compare by their code points"),
        Expr::Convert { .. } => ("there is no CONVERT", "write CAST(x AS TYPE)"),
        _ => (
            "there is no such expression",
            "the guide's view language reference lists what there is",
        ),
    };
    (message.to_owned(), help)
}
