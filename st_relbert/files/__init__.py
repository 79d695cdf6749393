"""Read tables of pairs, write outputs atomically, and locate files on disk and in object stores."""
