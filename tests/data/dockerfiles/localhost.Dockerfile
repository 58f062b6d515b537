FROM python:3.13-slim
USER 1000
CMD ["gunicorn", "--bind=127.0.0.1:8000", "app:app"]
