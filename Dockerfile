# Two images: `runtime` segments images without torch, `train` trains on NVIDIA GPUs.
#
#   docker build --target runtime --tag isic-runtime .
#   docker run --rm --publish 127.0.0.1:8000:8000 isic-runtime
#
#   docker build --target train --tag isic-train .
#   docker run --rm --gpus all --shm-size=2g --volume "$PWD/data:/app/data" \
#       --volume "$PWD/work_dirs:/app/work_dirs" isic-train tools/train.py configs/isic2018_maskrcnn.py
#
# docs/tools.md#containers explains the options.

FROM python:3.12-slim-bookworm AS base
# The user has the number of the first user of a Linux machine, who owns mounted folders there.
RUN useradd --create-home --uid 1000 app && mkdir /app && chown app /app
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

FROM base AS train
# OpenCV, which mmcv asks for, is linked with them.
RUN apt-get update && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
# The requirement files end with the package itself, so its folder is needed here.
COPY --chown=app pyproject.toml README.md LICENSE requirements.txt ./
COPY --chown=app isic_mmdet isic_mmdet
# The default wheels of torch bring CUDA; only the driver comes from the machine.
RUN pip install -r requirements.txt
COPY --chown=app configs configs
COPY --chown=app models models
COPY --chown=app tools tools
RUN mkdir data work_dirs && chown app data work_dirs
USER app
ENTRYPOINT ["python"]
CMD ["tools/train.py", "--help"]

FROM base AS runtime
COPY --chown=app pyproject.toml README.md LICENSE requirements-runtime.txt ./
COPY --chown=app isic_mmdet isic_mmdet
RUN pip install -r requirements-runtime.txt
COPY --chown=app models/README.md models/checksums.txt models/lesion_lite.onnx models/
COPY --chown=app tools tools
USER app
EXPOSE 8000
ENTRYPOINT ["python"]
CMD ["tools/serve.py", "--host", "0.0.0.0", "--port", "8000", "--no-browser"]
