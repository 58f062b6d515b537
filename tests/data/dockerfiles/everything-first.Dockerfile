FROM python:3.13-slim
WORKDIR /app
COPY . .
RUN pip install --no-cache-dir -r requirements.txt
USER 1000
ENV PORT=8000
CMD ["gunicorn", "app:app"]
