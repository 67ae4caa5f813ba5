//! Nothing to call: the package holds the tests of the whole system.
