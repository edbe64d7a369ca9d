"""Where rows come from: engines, snapshots and columns of the database servers."""
