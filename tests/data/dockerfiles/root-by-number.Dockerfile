ARG UID=0
FROM python:3.13-slim
ARG UID
USER $UID:0
ENV PORT=8000
CMD ["gunicorn", "app:app"]
