//! Anabranch's HTTP API.
