//! The engine on simulated CPUs, in every order of their steps.
//!
//! [`World::judge`] compares what the devices saw with what was recorded after every run; a test
//! adds only what it expects besides.

use mmiotrace_kmod::sim::{Bug, Model, Program, World, explore};
use mmiotrace_kmod::{DeviceOrder, OnFull, Options, PAGE};

const DEVICE: u64 = 0x10_0000;
const RAX: usize = 0;
const RCX: usize = 1;
const RDI: usize = 7;

/// `mov [rdi], eax`
const STORE: &[u8] = &[0x89, 0x07];
/// `mov ecx, [rdi]`
const LOAD: &[u8] = &[0x8b, 0x0f];

/// A counter: every read gives the next number.
struct Counter(u32);

impl Model for Counter {
    fn read(&mut self, _: u64, into: &mut [u8]) {
        self.0 += 1;
        into.copy_from_slice(&self.0.to_le_bytes()[..into.len()]);
    }

    fn write(&mut self, _: u64, bytes: &[u8]) {
        self.0 = bytes
            .iter()
            .rev()
            .fold(0, |all, byte| all << 8 | u32::from(*byte));
    }
}

fn store(world: &World, cpu: u32) -> Program {
    world
        .cpu(cpu)
        .with_code(STORE)
        .with(RDI, DEVICE)
        .with(RAX, u64::from(cpu) + 1)
}

fn load(world: &World, cpu: u32) -> Program {
    world.cpu(cpu).with_code(LOAD).with(RDI, DEVICE)
}

#[test]
fn two_cpus_write_one_register_in_every_order() {
    let runs = explore(u32::MAX, |schedule| {
        let world = World::new();
        let _ = world.add_device(DEVICE, 1);
        schedule.run([store(&world, 0), store(&world, 1)]);
        assert_eq!(world.judge().accesses, 2);
    });
    assert!(runs > 1_000, "{runs} orders");
}

#[test]
fn values_with_side_effects_are_read_once() {
    explore(u32::MAX, |schedule| {
        let world = World::new();
        world.add_model(DEVICE, 1, Counter(0));
        world.attach(DEVICE).unwrap();
        schedule.run([load(&world, 0), load(&world, 1)]);
        let verdict = world.judge();
        let mut values = [0, 1].map(|cpu| verdict.registers[&cpu][RCX]);
        values.sort_unstable();
        assert_eq!(values, [1, 2]);
    });
}

#[test]
fn longer_programs_with_few_switches() {
    let twice: Vec<u8> = [STORE, LOAD, STORE].concat();
    explore(3, |schedule| {
        let world = World::new();
        let _ = world.add_device(DEVICE, 1);
        let program = |cpu| {
            let program = world.cpu(cpu).with_code(&twice).with(RDI, DEVICE);
            program.with(RAX, 7 + u64::from(cpu))
        };
        schedule.run([program(0), program(1)]);
        assert_eq!(world.judge().accesses, 6);
    });
}

#[test]
fn three_cpus() {
    explore(2, |schedule| {
        let world = World::new();
        let _ = world.add_device(DEVICE, 1);
        schedule.run([store(&world, 0), load(&world, 1), store(&world, 2)]);
        assert_eq!(world.judge().accesses, 3);
    });
}

#[test]
fn without_the_lock_intervals_tell_the_truth() {
    let mut options = Options::default();
    options.order = DeviceOrder::Interval;
    explore(u32::MAX, |schedule| {
        let world = World::with_options(options);
        let _ = world.add_device(DEVICE, 1);
        schedule.run([store(&world, 0), load(&world, 1)]);
        let verdict = world.judge();
        assert_eq!((verdict.accesses, verdict.unordered), (2, 2));
    });
}

#[test]
fn an_nmi_at_any_point_is_captured() {
    let mut unordered = 0;
    explore(u32::MAX, |schedule| {
        let world = World::new();
        let _ = world.add_device(DEVICE, 1);
        schedule.run([store(&world, 0).with_nmi(load(&world, 0))]);
        let verdict = world.judge();
        assert!(verdict.accesses >= 1);
        unordered += verdict.unordered;
    });
    // The NMI that came while its own CPU held the lock says that it has no exact place.
    assert!(unordered > 0);
}

#[test]
fn an_nmi_beside_another_cpu() {
    explore(2, |schedule| {
        let world = World::new();
        let _ = world.add_device(DEVICE, 1);
        let interrupted = store(&world, 0).with_nmi(load(&world, 0));
        schedule.run([interrupted, store(&world, 1)]);
        assert!(world.judge().accesses >= 2);
    });
}

#[test]
fn a_region_goes_while_it_is_accessed() {
    explore(3, |schedule| {
        let world = World::new();
        let _ = world.add_device(DEVICE, 1);
        let twice = world.cpu(0).with_code(&[STORE, LOAD].concat());
        schedule.run([twice.with(RDI, DEVICE), world.detacher(DEVICE)]);
        let verdict = world.judge();
        assert_eq!(verdict.accesses + verdict.unseen, 2);
    });
}

/// The engine remembers the move, and the region that it went to.
#[test]
fn a_region_goes_while_a_remembered_move_is_made_again() {
    let mut seen = [0; 2];
    explore(3, |schedule| {
        let world = World::new();
        let _ = world.add_device(DEVICE, 1);
        let program = store(&world, 0);
        schedule.run([program.clone()]);
        schedule.run([program, world.detacher(DEVICE)]);
        let verdict = world.judge();
        assert_eq!(verdict.accesses + verdict.unseen, 2);
        seen[verdict.unseen] += 1;
    });
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
}

#[test]
fn a_remembered_move_goes_to_the_region_that_is_there_now() {
    explore(2, |schedule| {
        let world = World::new();
        let _ = world.add_device(DEVICE, 1);
        let program = store(&world, 0);
        schedule.run([program.clone()]);
        schedule.run([world.detacher(DEVICE)]);
        schedule.run([world.attacher(DEVICE)]);
        schedule.run([program, load(&world, 1)]);
        assert_eq!(world.judge().accesses, 3);
    });
}

#[test]
fn remembered_moves_of_two_cpus_and_an_nmi() {
    explore(2, |schedule| {
        let world = World::new();
        let _ = world.add_device(DEVICE, 1);
        let (first, second) = (store(&world, 0), load(&world, 1));
        schedule.run([first.clone(), second.clone()]);
        let interrupted = first.with_nmi(load(&world, 0));
        schedule.run([interrupted, second]);
        assert!(world.judge().accesses >= 4);
    });
}

#[test]
fn a_region_comes_while_another_is_accessed() {
    explore(2, |schedule| {
        let world = World::new();
        let other = DEVICE + 16 * PAGE;
        let _ = world.add_device(DEVICE, 1);
        world.add_model(other, 2, Counter(0));
        schedule.run([
            world
                .cpu(0)
                .with_code(&[STORE, LOAD].concat())
                .with(RDI, DEVICE),
            world.attacher(other),
            world.cpu(1).with_code(LOAD).with(RDI, DEVICE),
        ]);
        assert_eq!(world.judge().accesses, 3);
        assert!(world.engine().counts().foreign == 0);
    });
}

#[test]
fn what_cannot_be_done_is_blind_and_ends() {
    let mut seen = [0; 2];
    explore(2, |schedule| {
        let world = World::new();
        let _ = world.add_device(DEVICE, 1);
        schedule.run([load(&world, 0).hidden(), store(&world, 1), world.rearmer()]);
        let verdict = world.judge();
        assert_eq!(verdict.accesses + verdict.unseen, 2);
        assert!(verdict.unseen >= 1);
        assert_eq!(verdict.blind.0, 1);
        seen[verdict.blind.1] += 1;
    });
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
}

#[test]
fn two_cpus_open_one_page() {
    explore(3, |schedule| {
        let world = World::new();
        let _ = world.add_device(DEVICE, 1);
        schedule.run([load(&world, 0).hidden(), load(&world, 1).hidden()]);
        let verdict = world.judge();
        assert_eq!((verdict.unseen, verdict.blind.0), (2, 1));
    });
}

#[test]
fn the_eighth_time_it_stays_open() {
    explore(0, |schedule| {
        let world = World::new();
        let _ = world.add_device(DEVICE, 1);
        let program = load(&world, 0).hidden();
        for _ in 0..12 {
            schedule.run([program.clone()]);
            schedule.run([world.rearmer()]);
        }
        let verdict = world.judge();
        assert_eq!((verdict.unseen, verdict.blind), (12, (8, 7)));
    });
}

#[test]
fn a_full_ring_counts_what_it_drops() {
    let mut options = Options::default();
    options.on_full = OnFull::Drop;
    explore(0, |schedule| {
        let world = World::with_options(options);
        let _ = world.add_device(DEVICE, 1);
        for _ in 0..200 {
            schedule.run([store(&world, 0)]);
        }
        let verdict = world.judge();
        assert!(verdict.lost > 50);
        assert_eq!(verdict.accesses as u64 + verdict.lost, 201 - 1);
    });
}

#[test]
fn device_that_is_gone_raises_in_the_program() {
    explore(0, |schedule| {
        let world = World::new();
        let _ = world.add_device(DEVICE, 1);
        world.remove_device(DEVICE);
        schedule.run([load(&world, 0).may_raise()]);
        assert_eq!(world.judge().accesses, 0);
    });
}

#[test]
fn an_access_over_two_pages_is_one_access() {
    explore(0, |schedule| {
        let world = World::new();
        let _ = world.add_device(DEVICE, 2);
        schedule.run([store(&world, 0).with(RDI, DEVICE + PAGE - 3)]);
        assert_eq!(world.judge().accesses, 1);
    });
}

/// How many points a program has at which another may act: an NMI that does nothing comes at each of
/// them once, or not at all.
fn points(options: Options, program: impl Fn(&World) -> Program) -> u64 {
    let runs = explore(0, |schedule| {
        let world = World::with_options(options);
        let _ = world.add_device(DEVICE, 1);
        let nothing = world.cpu(0).with_code(&[]);
        schedule.run([program(&world).with_nmi(nothing)]);
        assert_eq!(world.judge().accesses, 1);
    });
    runs - 1
}

/// In how many orders two programs of `p` and `q` points can take their steps: `p + 1` pieces of one and
/// `q + 1` of the other, each in its own order.
fn orders(p: u64, q: u64) -> u64 {
    (1..=q + 1).fold(1, |orders, n| orders * (p + 1 + n) / n)
}

/// Without the lock nobody waits for anybody, and the number of orders can be calculated.
#[test]
fn every_order_is_tried_once() {
    let mut options = Options::default();
    options.order = DeviceOrder::Interval;
    let (p, q) = (
        points(options, |world| store(world, 0)),
        points(options, |world| load(world, 1)),
    );
    assert!(p >= 5 && q >= 5, "{p} and {q} points");
    let mut first = [0; 2];
    let runs = explore(u32::MAX, |schedule| {
        let world = World::with_options(options);
        world.add_model(DEVICE, 1, Counter(0));
        world.attach(DEVICE).unwrap();
        schedule.run([store(&world, 0), load(&world, 1)]);
        // The load gives 1 where it came first, and one more than the store has left where not.
        match world.judge().registers[&1][RCX] {
            1 => first[1] += 1,
            2 => first[0] += 1,
            other => panic!("{other}"),
        }
    });
    assert_eq!(runs, orders(p, q), "{p} and {q} points");
    assert!(first[0] > 0 && first[1] > 0, "{first:?}");
}

/// What the engine would be with its numbers taken outside the lock: the search finds the orders in which
/// they are then not those of the device, and none with the lock.
#[test]
fn the_search_finds_what_the_lock_is_for() {
    for (order, wrong_in_some) in [(DeviceOrder::Total, false), (DeviceOrder::Interval, true)] {
        let mut options = Options::default();
        options.order = order;
        let mut wrong = 0;
        let runs = explore(u32::MAX, |schedule| {
            let world = World::with_options(options);
            let _ = world.add_device(DEVICE, 1);
            schedule.run([store(&world, 0), load(&world, 1)]);
            wrong += u64::from(!world.judge().in_order);
        });
        assert_eq!(wrong > 0, wrong_in_some, "{order:?}: {wrong} of {runs}");
        assert!(wrong < runs);
    }
}

/// The window of a tracer that opens its page for one instruction: with one CPU nothing is missing, and
/// with two there is an order in which something is.
#[test]
#[should_panic(expected = "the engine did not see")]
fn the_search_finds_the_window_of_an_open_page() {
    let run = |cpus: u32| {
        explore(u32::MAX, |schedule| {
            let world = World::new();
            let _ = world.add_device(DEVICE, 1);
            world.plant(Bug::OpensThePage);
            schedule.run((0..cpus).map(|cpu| store(&world, cpu)));
            assert_eq!(world.judge().accesses, cpus as usize);
        })
    };
    // A panic here would be another: nobody has missed anything.
    let alone = std::panic::catch_unwind(|| run(1));
    assert!(alone.is_ok(), "alone");
    run(2);
}

#[test]
#[should_panic(expected = "missing or invented")]
fn the_judge_finds_an_access_that_is_made_twice() {
    explore(0, |schedule| {
        let world = World::new();
        let _ = world.add_device(DEVICE, 1);
        world.plant(Bug::ReadsTwice);
        schedule.run([load(&world, 0)]);
        let _ = world.judge();
    });
}
