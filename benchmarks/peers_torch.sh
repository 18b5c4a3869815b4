#!/bin/sh
# Make what files.py and batches.py need beside the environments of setup_peers.sh:
#   .envs/torch    torchvision, Pillow and kornia with the torch that belongs to them, and DALI if possible
#   .envs/photos   photographs, out of a package under the MIT licence
# and simplejpeg for those that read files. Done twice, it does nothing the second time.
# DALI decodes without a GPU too.
set -eu
cd "$(dirname "$0")"
python=${PYTHON:-python3}
shared="numpy==2.4.6 opencv-python-headless==5.0.0.93"

./setup_peers.sh

make_env() {
    name=$1
    shift
    if [ -e ".envs/$name/ready" ] && [ ! peers_torch.sh -nt ".envs/$name/ready" ]; then
        echo "$name: ready"
        return
    fi
    "$python" -m venv --clear ".envs/$name"
    # shellcheck disable=SC2086 - the pins are words
    ".envs/$name/bin/python" -m pip install --quiet $shared "$@"
    touch ".envs/$name/ready"
    echo "$name: made"
}

for name in ours albu; do
    ".envs/$name/bin/python" -m pip install --quiet simplejpeg==1.9.0
done
make_env torch torch==2.14.1 torchvision==0.29.1 kornia==0.9.0 pillow==13.0.0 stringzilla==5.3.2
.envs/torch/bin/python -m pip install --quiet nvidia-dali-cuda130==2.4.0 ||
    echo "dali: cannot be installed here, its rows are left out"

if [ ! -e .envs/photos/roof.png ]; then
    mkdir -p .envs/photos
    "$python" -m pip download --quiet --no-deps --dest .envs/photos mvtb-data==1.6.1
    "$python" - <<'END'
import pathlib, zipfile

names = "parks walls-l walls-r church eiffel-2 lab-scene rocks2-l mosaic/aerialphoto roof"
folder = pathlib.Path(".envs/photos")
wheel = next(folder.glob("mvtb_data-*.whl"))
with zipfile.ZipFile(wheel) as packed:
    for name in names.split():
        data = packed.read(f"mvtbdata/images/{name}.png")
        (folder / f"{pathlib.PurePath(name).name}.png").write_bytes(data)
wheel.unlink()
END
    echo "photos: made"
fi
