//! The loop read → batch → plugin → sink → checkpoint; alone decides on a fault.
