FROM python:3.13-slim
RUN apt-get update && apt-get install -y libpq5
RUN rm -rf /var/lib/apt/lists/*
RUN pip install flask==3.0.3
USER 1000
ENV PORT=8000
CMD ["gunicorn", "app:app"]
