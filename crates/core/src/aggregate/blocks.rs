//! Memory for very many small arrays that double as they grow.
//!
//! A state per group with a heap allocation of its own would cost an allocator call and a header
//! for each of some hundred thousand groups. Here all arrays of one length lie end to end in one
//! vector, are named by their number in it, and are used again once released.

/// Arrays of lengths that are powers of two.
#[derive(Default)]
pub(super) struct Blocks<T> {
    /// Class `c` holds arrays of `2^c` items.
    classes: Vec<Class<T>>,
}

#[derive(Default)]
struct Class<T> {
    items: Vec<T>,
    released: Vec<u32>,
}

impl<T: Copy + Default> Blocks<T> {
    /// A block of `2^class` items, all of them the default.
    pub(super) fn allocate(&mut self, class: u32) -> u32 {
        let class_index = class as usize;
        if self.classes.len() <= class_index {
            self.classes
                .resize_with(class_index + 1, || Class { items: Vec::new(), released: Vec::new() });
        }
        if let Some(block) = self.classes[class_index].released.pop() {
            self.get_mut(class, block).fill(T::default());
            return block;
        }
        let items = &mut self.classes[class_index].items;
        let block = u32::try_from(items.len() >> class).expect("fewer than 2^32 blocks");
        items.resize(items.len() + (1 << class), T::default());
        block
    }

    /// Gives a block back.
    pub(super) fn release(&mut self, class: u32, block: u32) {
        self.classes[class as usize].released.push(block);
    }

    /// The items of a block.
    #[inline]
    pub(super) fn get(&self, class: u32, block: u32) -> &[T] {
        &self.classes[class as usize].items[(block as usize) << class..][..1 << class]
    }

    /// The items of a block, to change.
    #[inline]
    pub(super) fn get_mut(&mut self, class: u32, block: u32) -> &mut [T] {
        &mut self.classes[class as usize].items[(block as usize) << class..][..1 << class]
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let bytes = |class: &Class<T>| {
            class.items.len() * size_of::<T>() + class.released.len() * size_of::<u32>()
        };
        self.classes.iter().map(bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_do_not_overlap_and_come_back_empty() {
        let mut blocks = Blocks::<u16>::default();
        let [a, b] = [blocks.allocate(2), blocks.allocate(2)];
        let c = blocks.allocate(3);
        blocks.get_mut(2, a).fill(1);
        blocks.get_mut(2, b).fill(2);
        blocks.get_mut(3, c).fill(3);
        assert_eq!(blocks.get(2, a), [1; 4]);
        assert_eq!(blocks.get(2, b), [2; 4]);
        assert_eq!(blocks.get(3, c), [3; 8]);
        blocks.release(2, a);
        assert_eq!(blocks.allocate(2), a);
        assert_eq!(blocks.get(2, a), [0; 4]);
        assert_eq!(blocks.get(2, b), [2; 4]);
    }
}
