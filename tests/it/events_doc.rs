//! docs/events.md and the code say the same: every event, field, value and text of this version, and none beside.

use hotline_gateway::event::{
    AwayReason, BlockListChange, BlockReason, CallbackReason, ClosedBy, LookUpSource, NodeReason,
    NotRegistered, OperatorReason, QueueReason, SeatChoice, SeatReason, Text, TrunkReason, wire,
};
use prost::Message;
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use std::collections::{BTreeMap, BTreeSet};

type Sections = BTreeMap<String, BTreeSet<String>>;

fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/events.md")).expect("docs/events.md")
}

/// The sections of the page below `chapter`, each with the first column of its table.
fn documented(chapters: impl Fn(&str) -> bool) -> Sections {
    let (mut sections, mut chapter, mut section) = (Sections::new(), String::new(), None);
    for line in page().lines() {
        if let Some(title) = line.strip_prefix("## ") {
            (chapter, section) = (title.to_owned(), None);
        } else if let Some(title) = line.strip_prefix("### ").filter(|_| chapters(&chapter)) {
            assert!(sections.insert(title.to_owned(), BTreeSet::new()).is_none(), "{title} twice");
            section = sections.get_mut(title);
        } else if let (Some(section), Some(row)) = (&mut section, line.strip_prefix("| ")) {
            let first = row.split(" | ").next().expect("a column");
            let value = first.strip_prefix('`').and_then(|f| f.strip_suffix('`'));
            // A text that is one of another list.
            let value = value.or(first.starts_with("one of [").then_some("…"));
            if let Some(value) = value {
                assert!(section.insert(value.to_owned()), "{value} twice");
            }
        }
    }
    sections
}

struct Contract {
    messages: BTreeMap<String, DescriptorProto>,
    lists: Sections,
}

impl Contract {
    fn read() -> Contract {
        let set = FileDescriptorSet::decode(wire::DESCRIPTORS).expect("descriptors");
        let mut contract = Contract { messages: BTreeMap::new(), lists: Sections::new() };
        for file in set.file.iter().filter(|f| f.package() == "hotline.v1") {
            for message in &file.message_type {
                contract.messages.insert(format!(".hotline.v1.{}", message.name()), message.clone());
            }
            for list in &file.enum_type {
                let values = list.value.iter().filter(|v| v.number() != 0).map(|v| v.name().to_owned());
                contract.lists.insert(format!(".hotline.v1.{}", list.name()), values.collect());
            }
        }
        contract
    }

    fn events(&self) -> impl Iterator<Item = &FieldDescriptorProto> {
        let frame = &self.messages[".hotline.v1.CallEvent"];
        frame.field.iter().filter(|f| is_event(f) && wire::KINDS.contains(&short(f.type_name())))
    }

    /// What `name` consists of, and what its fields consist of.
    fn add(&self, name: &str, to: &mut Sections) {
        let own = short(name).to_owned();
        if to.contains_key(&own) {
            return;
        }
        if let Some(values) = self.lists.get(name) {
            to.insert(own, values.clone());
        } else if let Some(message) = self.messages.get(name) {
            let fields: Vec<_> =
                message.field.iter().filter(|f| own != "CallEvent" || !is_event(f)).collect();
            to.insert(own, fields.iter().map(|f| f.name().to_owned()).collect());
            fields.iter().for_each(|f| self.add(f.type_name(), to));
        }
    }
}

/// Whether a field of `CallEvent` is one of its events: those stand in a `oneof`.
fn is_event(field: &FieldDescriptorProto) -> bool {
    field.oneof_index.is_some() && !field.proto3_optional()
}

fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

#[test]
fn the_page_has_each_event_with_its_fields_and_values_and_no_other() {
    let contract = Contract::read();
    let mut sent = Sections::new();
    contract.add(".hotline.v1.CallEvent", &mut sent);
    contract.events().for_each(|event| contract.add(event.type_name(), &mut sent));
    assert_eq!(contract.events().count(), wire::KINDS.len());
    let documented = documented(|chapter| chapter != "Texts");
    for (name, columns) in &sent {
        assert_eq!(documented.get(name), Some(columns), "{name}");
    }
    let stale: Vec<_> = documented.keys().filter(|name| !sent.contains_key(*name)).collect();
    assert_eq!(stale, Vec::<&String>::new());
}

#[test]
fn the_page_has_each_text_of_a_list_and_no_other() {
    fn of<T: Text>() -> BTreeSet<String> {
        T::TEXTS.iter().map(|text| text.replace("{}", "…")).collect()
    }
    let lists = [
        ("SeatChoice", of::<SeatChoice>()),
        ("SeatReason", of::<SeatReason>()),
        ("OperatorReason", of::<OperatorReason>()),
        ("AwayReason", of::<AwayReason>()),
        ("QueueReason", of::<QueueReason>()),
        ("TrunkReason", of::<TrunkReason>()),
        ("NotRegistered", of::<NotRegistered>()),
        ("NodeReason", of::<NodeReason>()),
        ("CallbackReason", of::<CallbackReason>()),
        ("ClosedBy", of::<ClosedBy>()),
        ("BlockListChange", of::<BlockListChange>()),
        ("BlockReason", of::<BlockReason>()),
        ("LookUpSource", of::<LookUpSource>()),
    ];
    let lists: Sections = lists.into_iter().map(|(name, texts)| (name.to_owned(), texts)).collect();
    assert_eq!(documented(|chapter| chapter == "Texts"), lists);
}

#[test]
fn the_page_says_of_each_event_how_to_read_it() {
    let page = page();
    for event in Contract::read().events() {
        let section = page.split_once(&format!("\n### {}\n", short(event.type_name()))).expect("a section").1;
        let section = section.split("\n### ").next().unwrap_or(section);
        assert!(section.contains(&format!("`hotline events --type {}`", event.name())), "{}", event.name());
    }
}

#[test]
fn each_link_on_the_page_leads_to_a_section_of_it() {
    let page = page();
    let titles: BTreeSet<_> =
        page.lines().filter_map(|l| l.strip_prefix("### ")).map(str::to_lowercase).collect();
    for link in page.split("](#").skip(1) {
        let anchor = link.split(')').next().unwrap_or(link);
        assert!(titles.contains(anchor), "{anchor}");
    }
}
