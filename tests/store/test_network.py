import pytest

from battsweep.store.network import file_system_of, is_network

MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
23 22 0:21 / /scratch rw shared:1 - lustre 10.0.0.1@tcp:/scratch rw
24 23 0:22 / /scratch/local rw - xfs /dev/sdb rw
25 22 0:23 / /my\\040disk rw - nfs4 server:/x rw
26 22 0:24 / /twice rw - ext4 /dev/sdc rw
27 26 0:25 / /twice rw - fuse.sshfs host:/ rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/home/x", "ext4"),
        ("/scratch/x/store", "lustre"),
        ("/scratchy", "ext4"),
        ("/scratch/local/x", "xfs"),
        ("/my disk/store", "nfs4"),
        ("/twice/x", "fuse.sshfs"),
    ],
)
def test_the_deepest_and_latest_mount_counts(path, expected):
    assert file_system_of(path, MOUNTS) == expected


@pytest.mark.parametrize("name", ["nfs", "nfs4", "lustre", "gpfs", "beegfs", "cifs", "ceph"])
def test_shared_file_systems_are_known(name):
    assert is_network(name)


@pytest.mark.parametrize("name", ["ext4", "xfs", "tmpfs", "overlay", "fuseblk", "btrfs", ""])
def test_local_file_systems_are_not_network(name):
    assert not is_network(name)
