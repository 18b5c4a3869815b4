#!/bin/sh
# Make the environments of the benchmark: benchmarks/.envs/{ours,albu,ax}.
# PYTHON chooses the interpreter; where torch should come without CUDA, give pip the index of
# the CPU builds in PIP_EXTRA_INDEX_URL. Done twice, it does nothing the second time.
set -eu
cd "$(dirname "$0")"
python=${PYTHON:-python3}

make_env() {
    name=$1
    shift
    if [ -e ".envs/$name/ready" ] && [ ! constraints.txt -nt ".envs/$name/ready" ]; then
        echo "$name: ready"
        return
    fi
    "$python" -m venv --clear ".envs/$name"
    ".envs/$name/bin/python" -m pip install --quiet --constraint constraints.txt \
        numpy opencv-python-headless torch "$@"
    touch ".envs/$name/ready"
    echo "$name: made"
}

make_env ours stringzilla
make_env albu albumentations
make_env ax albumentationsx
