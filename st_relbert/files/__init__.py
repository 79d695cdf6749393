"""Files: tables of pairs, outputs that are whole or not there, places on disk and in object stores."""
