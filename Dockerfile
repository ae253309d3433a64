FROM python:3.12-slim AS packages
COPY requirements-build.txt requirements.txt ./
# As in deploy/environment.sh: everything comes built, but for pyvips, which the pinned tool packs.
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements-build.txt \
    && /venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --no-binary pyvips \
        --no-build-isolation -r requirements.txt

FROM python:3.12-slim
ENV PATH=/venv/bin:$PATH DATA_DIR=/data PYTHONUNBUFFERED=1
RUN useradd --system --uid 10001 --no-create-home --home-dir /tmp dinding \
    && install --directory --owner dinding --group dinding /data /data/media
WORKDIR /app
COPY --from=packages /venv /venv
COPY . .
RUN python -m compileall -q imgs realtime project deploy
USER dinding
# By the one who serves: what this makes in /data, a new volume begins with. The key is needed by the command alone.
RUN SECRET_KEY=unused python manage.py collectstatic --no-input
EXPOSE 8000
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0", "--port", "8000", "--without-worker"]
