//! Adapters of Anabranch's ports.
