//! The words of the generated traffic: shops, products, devices, cities.

/// Shops; each is in every country of [`COUNTRIES`].
pub(super) const BRANDS: [&str; 13] = [
    "alder", "bracken", "cedar", "dune", "ember", "fjord", "grove", "heath", "inlet", "juniper",
    "kelp", "larch", "meadow",
];
/// Where the shops sell.
pub(super) const COUNTRIES: [&str; 4] = ["de", "fr", "jp", "us"];
/// Where pages hang.
pub(super) const CATEGORIES: [&str; 10] =
    ["bath", "books", "coffee", "desk", "garden", "kitchen", "light", "music", "outdoor", "toys"];
/// Slug and title; the titles hold what JSON text may hold, escapes included.
pub(super) const PRODUCTS: [(&str, &str); 12] = [
    ("kettle", "Kettle, brushed steel"),
    ("moka", "Caffettiera «Città»"),
    ("lamp", "Gelenkleuchte, größenverstellbar"),
    ("pan", "Skillet 12\\\" cast iron"),
    ("tea", "煎茶 やぶきた"),
    ("bowl", "Bol en grès émaillé"),
    ("blanket", "Шерстяной плед"),
    ("kite", "Drachen \\u201eSturm\\u201c 🪁"),
    ("shelf", "Półka dębowa"),
    ("speaker", "Speaker \\/ radio"),
    ("trowel", "Desplantador pequeño"),
    ("puzzle", "Puzzle, 1\u{202f}000 pièces"),
];
/// Operating system, browser, screen width and height in pixels.
pub(super) const DEVICES: [(&str, &str, u32, u32); 6] = [
    ("Android", "Chrome", 412, 915),
    ("iOS", "Safari", 393, 852),
    ("Windows", "Edge", 1920, 1080),
    ("Windows", "Firefox", 2560, 1440),
    ("macOS", "Safari", 1512, 982),
    ("Linux", "Firefox", 1920, 1200),
];
/// Country and city, the busiest first.
pub(super) const CITIES: [(&str, &str); 16] = [
    ("DE", "Berlin"),
    ("US", "New York"),
    ("FR", "Paris"),
    ("JP", "東京"),
    ("DE", "Köln"),
    ("US", "San José"),
    ("FR", "Besançon"),
    ("JP", "大阪"),
    ("PL", "Łódź"),
    ("DE", "München"),
    ("BR", "São Paulo"),
    ("CH", "Zürich"),
    ("ES", "A Coruña"),
    ("GR", "Αθήνα"),
    ("SE", "Malmö"),
    ("IS", "Reykjavík"),
];
/// What sent a visitor; empty for who came by themselves.
pub(super) const REFERRERS: [&str; 5] = [
    "",
    "https://search.example/?q=gift",
    "https://social.example/feed",
    "https://news.example/best-of",
    "https://mail.example/spring",
];
