"""Pages say of what was pruned that it was, and when."""

from datetime import UTC, datetime, timedelta

from arena.settings import Settings
from arena.store import pruning
from arena.store.blobs import BlobStore
from arena.store.engine import open_database


def test_a_pruned_image_and_pruned_calls_are_told_from_lost_ones(open_page, small):
    now, today = datetime.now(UTC), f"{datetime.now(UTC):%Y-%m-%d}"
    database, blobs = open_database(Settings(data_dir=small)), BlobStore(small / "images")
    with database.read() as connection:
        hashes = [image.sha256 for image in pruning.stored_images(connection, now)]
    with database.write() as connection:
        pruning.mark_pruned(connection, hashes, now)
        pruning.delete_pruned(connection, blobs, BlobStore(small / "renditions"), hashes, now)
        (settled,) = pruning.settled_runs(connection, now + timedelta(days=1))
        pruning.forget_calls(connection, settled.id, now)
    database.close()
    wall = open_page("images", prompt="cat")
    assert not wall.image
    assert any(f"was pruned on {today}" in text.value for text in wall.text)
    trial = open_page("trial")
    assert any(f"HTTP calls were pruned on {today}" in caption.value for caption in trial.caption)
    assert any(f"was pruned on {today}" in text.value for text in trial.text)
