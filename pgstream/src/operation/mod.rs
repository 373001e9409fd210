//! What a program calls: a safety backup where one is due, the engine, its proof, the report.
