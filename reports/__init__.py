"""What a reader sees: tables and the leaderboard page, all made from ``scores.json`` files."""
