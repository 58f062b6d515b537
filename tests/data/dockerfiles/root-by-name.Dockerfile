FROM python:3.13-slim
USER 10001
USER root:root
ENV PORT=8000
CMD ["gunicorn", "app:app"]
