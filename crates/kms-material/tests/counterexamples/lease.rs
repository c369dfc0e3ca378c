//! C15: a node whose listener hangs may not serve from its cache for ever.

use std::time::{Duration, Instant};

use kms_core::Clock;
use kms_metadata::KeyChange;

use crate::pause::Pause;
use crate::place::TestClock;
use crate::world::World;

#[test]
fn c15_a_change_is_acknowledged_only_when_a_node_with_a_hanging_listener_has_lost_its_lease() {
    let world = World::new();
    world.n2.keeper.metadata().stop();
    let lease = Duration::from_millis(1_500);
    let key = world.n1.new_key();
    let hanging = world.node_with_lease(lease);
    let its_lease = || hanging.keeper.metadata().lease().holds(TestClock.boottime());
    assert!(its_lease());
    let pause = Pause::at("metadata.before_acknowledge");
    let begun = Instant::now();
    world.n1.change(&key, &KeyChange { enabled: Some(false), ..KeyChange::default() }).unwrap();
    assert!(!its_lease(), "acknowledged after {:?} while another node may still serve", begun.elapsed());
    assert!(begun.elapsed() > lease / 3, "nobody was waited for");
    pause.wait();
    pause.go();
}
