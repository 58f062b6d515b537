FROM python:3.13-slim
ENV PORT=8000
CMD ["gunicorn", "app:app"]
