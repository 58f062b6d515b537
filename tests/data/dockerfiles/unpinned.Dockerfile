FROM python:3.13-slim
RUN pip install --no-cache-dir --upgrade pip flask 'gunicorn>=22' requests==2.32.3
USER 1000
ENV PORT=8000
CMD ["gunicorn", "app:app"]
